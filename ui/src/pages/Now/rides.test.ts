import { expect, test } from 'vitest';
import { type Row, rideOfRow, together } from './rides';

const T0 = Date.parse('2031-04-05T06:00:00Z');

const ROW: Row = {
  id: 7,
  timestamp: new Date(T0 + 10_000).toISOString(),
  model: 'a',
  duration_ms: 6000,
  request_id: 'x',
  phases_ms: { queued: 500, swapping: 1000, loading: 2000, forwarded: 100, answering: 2400 },
};

test('a row tells when its request came, how long it waited and when it ended', () => {
  expect(rideOfRow(ROW)).toEqual({
    id: 'x',
    model: 'a',
    begin: T0 + 4000,
    served: T0 + 7500,
    end: T0 + 10_000,
  });
});

test('a row that does not tell of phases has not waited', () => {
  const ride = rideOfRow({ ...ROW, phases_ms: null, request_id: null });
  expect(ride).toMatchObject({ id: 'row 7', served: T0 + 4000 });
});

test('a request that was seen and told of is there once, another with its ID as well', () => {
  const seen = { id: 'x', model: 'a', begin: T0 + 4400, served: T0 + 7900, end: T0 + 10_500 };
  const told = [rideOfRow(ROW), { ...rideOfRow(ROW), begin: T0 - 60_000 }];
  expect(together([seen], told).map(({ begin }) => begin - T0)).toEqual([-60_000, 4400]);
  expect(together([], told)).toHaveLength(2);
});
