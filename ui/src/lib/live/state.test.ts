import { expect, test } from 'vitest';
import * as state from './state';
import type { InFlight, ModelDetails, ModelStatus } from './wire';

function status(id: string, more: Partial<ModelStatus> = {}): ModelStatus {
  return { id, name: '', description: '', state: 'stopped', unlisted: false, peerID: '', ...more };
}

function details(id: string, more: Partial<ModelDetails> = {}): ModelDetails {
  return {
    id,
    state: 'ready',
    since: '2031-04-05T06:07:08Z',
    reason: '',
    load_seconds: [],
    failure: null,
    ...more,
  };
}

function request(id: string, timestamp: string): InFlight {
  return {
    id,
    timestamp,
    model: 'm',
    req_path: '/v1/chat/completions',
    method: 'POST',
    req_headers: {},
    remote_ip: '127.0.0.1',
    resp_headers: {},
    resp_bytes: 0,
    elapsed_ms: 0,
  };
}

test('models are sorted by name, with numbers in order', () => {
  const models = state.merged(
    [status('m-10'), status('m-9'), status('z', { name: 'A' })],
    new Map(),
  );
  expect(models.map(({ id }) => id)).toEqual(['z', 'm-9', 'm-10']);
});

test('details belong to local models only', () => {
  const known = new Map([['p/m', details('p/m')]]);
  const [model] = state.merged([status('p/m', { state: '', peerID: 'p' })], known);
  expect(model).toMatchObject({ state: '', details: null });
});

test('a failure is remembered until a start succeeds', () => {
  const at = '2031-04-05T06:07:09Z';
  const failed = state.afterFailure(details('m'), { at, model: 'm', reason: 'exit status 1' });
  const event = { at, model: 'm', generation: 2, reason: '', seconds: 3.5 } as const;
  const starting = state.afterState(failed, { ...event, from: 'stopped', to: 'starting' });
  expect(starting.failure).toEqual({ at, reason: 'exit status 1' });
  const ready = state.afterState(starting, { ...event, from: 'starting', to: 'ready' });
  expect(ready).toMatchObject({ state: 'ready', failure: null, load_seconds: [3.5], since: at });
});

test('requests are in order of arrival, and within an instant by number', () => {
  const requests = ['10', '9'].map((id) => request(id, '2031-04-05T06:07:08.5Z'));
  const list = state.afterChange([], { operation: 'snapshot', requests }, 1);
  const early = request('11', '2031-04-05T06:07:08.4Z');
  const more = state.afterChange(list, { operation: 'upsert', request: early }, 2);
  expect(more.map(({ id }) => id)).toEqual(['11', '9', '10']);
});

test('a snapshot replaces what was known, also one without a list', () => {
  const list = state.afterChange(
    [],
    { operation: 'upsert', request: request('1', '2031-04-05T06:07:08Z') },
    1,
  );
  expect(list).toHaveLength(1);
  expect(state.afterChange(list, { operation: 'remove', id: '1' }, 2)).toEqual([]);
  expect(state.afterChange(list, { operation: 'snapshot' }, 2)).toEqual([]);
});
