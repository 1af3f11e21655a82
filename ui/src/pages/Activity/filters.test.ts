import { expect, test } from 'vitest';
import { chips, type Filters, forServer, inAddress, NONE, parse } from './filters';

function addressOf(filters: Partial<Filters>): URLSearchParams {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(inAddress(filters))) {
    for (const each of value === null ? [] : [value].flat()) query.append(name, each);
  }
  return query;
}

const FULL: Filters = {
  model: ['a,b', 'org/c&d'],
  outcome: ['failed'],
  status: ['4xx'],
  path: ['/v1/messages'],
  client: ['127.0.0.1'],
  session: ['s 1'],
  q: 'out of memory',
  last: 0,
  from: '2031-04-05T06:07',
  to: '',
  min: '5',
  max: '',
};

test('an address brings back the filters that it was made of', () => {
  expect(parse(addressOf(FULL))).toEqual(FULL);
  expect(parse(addressOf({ ...NONE, last: 60 }))).toEqual({ ...NONE, last: 60 });
  expect(addressOf(NONE).toString()).toBe('');
});

test('another filter begins at the first page', () => {
  expect(inAddress({ q: 'x' })).toEqual({ q: 'x', page: null });
});

test('what is no filter in an address is none', () => {
  expect(parse(new URLSearchParams('last=-5&model=&page=3&last=x')).last).toBe(0);
  expect(parse(new URLSearchParams('last=1.5'))).toEqual(NONE);
});

test('the server is asked for moments with their zone', () => {
  const query = forServer(FULL, 0);
  expect(query).toMatchObject({ model: FULL.model, q: 'out of memory', min_id: '5' });
  expect(Date.parse(String(query.start))).toBe(Date.parse('2031-04-05T06:07'));
  expect(query.start).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
  expect(query).not.toHaveProperty('end');
});

test('a time up to now ends with the request', () => {
  const now = Date.parse('2031-04-05T06:07:08.900Z');
  const query = forServer({ ...FULL, last: 60 }, now);
  expect(query.start).toBe('2031-04-05T05:07:08Z');
  expect(query).not.toHaveProperty('end');
});

test('a llama-swap is asked only for what it knows', () => {
  expect(Object.keys(forServer(FULL, 0, false)).sort()).toEqual(['min_id', 'model', 'start']);
});

test('each filter that holds is told, with the filters that are left without it', () => {
  const all = chips(FULL);
  expect(all.map(({ label }) => label)).toEqual([
    'Model: a,b',
    'Model: org/c&d',
    'Outcome: failed',
    'Status: 4xx',
    'Path: /v1/messages',
    'Client: 127.0.0.1',
    'Session: s 1',
    'Contains: out of memory',
    'From 2031-04-05 06:07',
    'ID from 5',
  ]);
  expect(all[0]?.without).toEqual({ model: ['org/c&d'] });
  expect(chips(FULL, ['model']).map(({ label }) => label)).not.toContain('Model: a,b');
  expect(chips({ ...NONE, last: 10_080 }).map(({ label }) => label)).toEqual(['Last 7 days']);
});
