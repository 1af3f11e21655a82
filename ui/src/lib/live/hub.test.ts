import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Hub } from './hub';
import type { FromPage, ToPage } from './protocol';
import type { Snapshot } from './state';

const ROOT = 'http://server/';
const SNAPSHOT = {
  at: '2031-04-05T06:07:08Z',
  models: [
    {
      id: 'm',
      state: 'ready',
      since: '2031-04-05T06:00:00Z',
      reason: '',
      load_seconds: [2],
      failure: null,
    },
  ],
  queue: { swaps: [], waiting: [] },
  inflight: [],
  profile: null,
  config: {
    at: '2031-04-05T06:00:00Z',
    result: 'loaded',
    since: '2031-04-05T06:00:00Z',
    problems: [],
    warnings: [],
  },
  logs: [] as { model: string | null; text: string }[],
};

/** An answer whose body the test writes. */
class Stream {
  #controller!: ReadableStreamDefaultController<Uint8Array>;
  readonly response: Response;

  constructor(
    readonly request: { path: string; query: string; headers: Headers },
    signal: AbortSignal | null,
  ) {
    const body = new ReadableStream<Uint8Array>({
      start: (controller) => {
        this.#controller = controller;
      },
    });
    signal?.addEventListener('abort', () => this.break());
    this.response = new Response(body);
  }

  write(text: string): void {
    this.#controller.enqueue(new TextEncoder().encode(text));
  }

  event(name: string, data: unknown, id = 'run-1'): void {
    this.write(`id: ${id}\nevent: ${name}\ndata: ${JSON.stringify(data)}\n\n`);
  }

  message(type: string, data: unknown): void {
    this.write(`event:message\ndata:${JSON.stringify({ type, data: JSON.stringify(data) })}\n\n`);
  }

  /** What each stream of llama-swap's messages begins with. */
  begin(proxy: string, upstream: string): void {
    this.message('logData', { source: 'proxy', data: proxy });
    this.message('logData', { source: 'upstream', data: upstream });
    this.message('modelStatus', [
      { id: 'm', name: 'M', description: '', state: 'stopped', unlisted: false, peerID: '' },
    ]);
    this.message('uiConfig', { activity: { session_id: ['X-Session-ID'] } });
    this.message('profileChanged', { active: null });
    this.message('inflight', { operation: 'snapshot' });
  }

  end(): void {
    this.#controller.close();
  }

  break(): void {
    try {
      this.#controller.error(new TypeError('network error'));
    } catch {} // it has ended already
  }
}

/** A page that looks on. */
class Page {
  readonly heard: ToPage[] = [];
  seen: Partial<Snapshot> = {};
  lines: string[] = [];

  post(message: ToPage): void {
    this.heard.push(message);
    if (message.kind === 'state') this.seen = { ...this.seen, ...message.patch };
    if (message.kind === 'lines') {
      const texts = message.lines.map(({ text, model }) => (model ? `${model}: ${text}` : text));
      this.lines = message.all ? texts : [...this.lines, ...texts];
    }
  }
}

/** A server that answers as the test says, and a page. */
class Scene extends Page {
  readonly streams: Stream[] = [];
  readonly hub: Hub;

  /** `refuse`: status for a path that is not answered with a stream. */
  constructor(public refuse: Record<string, number> = {}) {
    super();
    this.hub = new Hub(ROOT, { kind: 'browser' }, async (input, init) => {
      const [path = '', query = ''] = String(input).slice(ROOT.length).split('?');
      const status = this.refuse[path];
      if (status !== undefined) return new Response('no', { status });
      const request = { path, query, headers: new Headers(init?.headers) };
      const stream = new Stream(request, init?.signal ?? null);
      this.streams.push(stream);
      return stream.response;
    });
    this.say({ kind: 'hello', root: ROOT, credentials: { kind: 'browser' } });
  }

  say(message: FromPage): void {
    this.hub.receive(this, message);
  }

  /** The newest stream, once things have settled. */
  async stream(path: string): Promise<Stream> {
    await vi.advanceTimersByTimeAsync(50);
    const stream = this.streams.at(-1);
    if (stream?.request.path !== path) throw new Error(`not asked for ${path}`);
    return stream;
  }

  settle(milliseconds = 300): Promise<unknown> {
    return vi.advanceTimersByTimeAsync(milliseconds);
  }
}

let scene: Scene;

beforeEach(() => {
  vi.useFakeTimers();
  scene = new Scene();
});

afterEach(() => {
  scene.hub.stop();
  vi.useRealTimers();
});

/** Begins anew, with a server that refuses this. */
function again(refuse: Record<string, number>): void {
  scene.hub.stop();
  scene = new Scene(refuse);
}

/** Connects to a server with hotbay's own events. */
async function connect(logs = SNAPSHOT.logs): Promise<Stream> {
  const events = await scene.stream('api/x/events');
  events.event('snapshot', { ...SNAPSHOT, logs });
  (await scene.stream('api/events')).begin('told otherwise\n', 'told otherwise\n');
  await scene.settle();
  return events;
}

test('a page learns the present state', async () => {
  await connect();
  expect(scene.seen).toMatchObject({
    connection: { status: 'open' },
    detailed: true,
    requests: [],
    sessionHeaders: ['X-Session-ID'],
    models: [{ id: 'm', name: 'M', state: 'ready', details: { load_seconds: [2] } }],
  });
});

test('a page that comes later learns the same', async () => {
  await connect();
  const post = vi.fn();
  scene.hub.receive({ post }, { kind: 'hello', root: ROOT, credentials: { kind: 'browser' } });
  expect(post.mock.calls[0]?.[0].patch).toEqual(scene.seen);
});

test('a change of state is told, and passed on as an event', async () => {
  const events = await connect();
  const event = { at: SNAPSHOT.at, model: 'm', generation: 1, from: 'ready', to: 'stopping' };
  events.event('state', { ...event, reason: 'idle', seconds: 5 });
  await scene.settle();
  expect(scene.seen.models).toMatchObject([{ state: 'stopping', details: { reason: 'idle' } }]);
  expect(scene.heard.some((m) => m.kind === 'event' && m.name === 'state')).toBe(true);
});

test('a connection that is lost is made anew from where it was lost', async () => {
  const events = await connect();
  events.event('profile', { at: SNAPSHOT.at, active: 'desk' }, 'run-7');
  await scene.settle();
  events.break();
  await scene.settle(100);
  expect(scene.seen.connection).toMatchObject({ status: 'lost', retryAt: expect.any(Number) });
  expect(scene.seen.profile).toBe('desk');
  await scene.settle(1000);
  const next = await scene.stream('api/x/events');
  expect(next.request.headers.get('Last-Event-ID')).toBe('run-7');
  next.event('profile', { at: SNAPSHOT.at, active: null }, 'run-8');
  await scene.settle();
  expect(scene.seen).toMatchObject({ connection: { status: 'open' }, profile: null });
});

test('attempts become rarer, and a page can ask for one at once', async () => {
  const events = await scene.stream('api/x/events');
  scene.refuse = { 'api/x/events': 503 };
  events.end();
  await scene.settle(20);
  const delays: number[] = [];
  for (let attempt = 0; attempt < 5; attempt += 1) {
    const { retryAt = 0 } = scene.seen.connection ?? {};
    delays.push(Math.round((retryAt - Date.now()) / 1000));
    await scene.settle(retryAt - Date.now());
    await scene.settle(20);
  }
  expect(delays).toEqual([1, 2, 4, 5, 5]);
  scene.refuse = {};
  scene.say({ kind: 'retry', credentials: { kind: 'browser' } });
  await scene.stream('api/x/events');
});

test('a server that falls silent is given up', async () => {
  await connect();
  await scene.settle(41_000);
  expect(scene.streams.filter(({ request }) => request.path === 'api/x/events')).toHaveLength(2);
});

test('a refused key is told, and no attempt made until there is another', async () => {
  again({ 'api/x/events': 401 });
  await scene.settle();
  expect(scene.heard).toContainEqual({ kind: 'refused', credentials: { kind: 'browser' } });
  expect(scene.seen.connection).toMatchObject({ status: 'lost', retryAt: 0 });
  scene.refuse = {};
  const asked = scene.streams.length;
  await scene.settle(60_000);
  expect(scene.streams).toHaveLength(asked);
  scene.say({ kind: 'retry', credentials: { kind: 'key', key: 'k' } });
  const stream = await scene.stream('api/x/events');
  expect(stream.request.headers.get('Authorization')).toBe('Bearer k');
});

const KEY = { kind: 'key', key: 'k' } as const;

test('a tab that is opened later is let in by the key of another', async () => {
  again({ 'api/x/events': 401 });
  await scene.settle();
  scene.refuse = {};
  scene.say({ kind: 'retry', credentials: KEY });
  await connect();
  const admitted = { kind: 'admitted', key: 'k' };
  expect(scene.heard).toContainEqual(admitted);
  const late = new Page();
  scene.hub.receive(late, { kind: 'hello', root: ROOT, credentials: { kind: 'browser' } });
  expect(late.heard).toContainEqual(admitted);
});

test('who logs out is logged out of all tabs, and nothing stays of what was seen', async () => {
  scene.say({ kind: 'retry', credentials: KEY });
  await connect();
  const other = new Page();
  scene.hub.receive(other, { kind: 'hello', root: ROOT, credentials: KEY });
  scene.say({ kind: 'leave' });
  await scene.settle();
  expect(other.heard).toContainEqual({ kind: 'left' });
  const asked = scene.streams.length;
  const late = new Page();
  scene.hub.receive(late, { kind: 'hello', root: ROOT, credentials: { kind: 'none' } });
  await scene.settle(60_000);
  expect(late.heard).toContainEqual({ kind: 'refused', credentials: { kind: 'none' } });
  expect(late.seen).toMatchObject({ models: null, requests: null, load: null });
  expect(scene.streams).toHaveLength(asked);
  scene.say({ kind: 'retry', credentials: KEY });
  await connect();
  expect(scene.seen.models).toHaveLength(1);
});

test('the log of a model takes no connection of its own', async () => {
  const events = await connect();
  scene.say({ kind: 'watch', log: 'model:m' });
  const history = await scene.stream('logs/stream/m');
  expect(history.request.query).toBe('no-follow');
  events.event('log', { model: 'm', text: 'two\n' });
  await scene.settle(10);
  history.write('one\ntwo\n');
  history.end();
  events.event('log', { model: 'n', text: 'of another\n' });
  events.event('log', { model: 'm', text: 'three\n' });
  await scene.settle();
  expect(scene.lines).toEqual(['one', 'two', 'three']);
  // What was written while there was no connection is fetched.
  events.end();
  await scene.settle(1500);
  const next = await scene.stream('api/x/events');
  next.event('snapshot', SNAPSHOT);
  await scene.settle(10);
  const again = scene.streams.findLast(({ request }) => request.path === 'logs/stream/m');
  again?.write('one\ntwo\nthree\nfour\n');
  again?.end();
  await scene.settle();
  expect(scene.lines).toEqual(['one', 'two', 'three', 'four']);
});

test('lines of the logs come once, and tell of which model they are', async () => {
  const events = await connect([
    { model: null, text: 'own\n' },
    { model: 'm', text: 'one\ntw' },
  ]);
  scene.say({ kind: 'watch', log: 'upstream' });
  events.event('log', { model: 'm', text: 'o\n' });
  await scene.settle();
  expect(scene.lines).toEqual(['m: one', 'm: two']);
});

test('a page that begins to read in the middle gets each line once', async () => {
  const events = await connect([{ model: null, text: 'a\n' }]);
  scene.say({ kind: 'watch', log: 'proxy' });
  events.event('log', { model: null, text: 'b\n' });
  await scene.settle(10);
  const late = new Page();
  scene.hub.receive(late, { kind: 'watch', log: 'proxy' });
  await scene.settle();
  expect(late.lines).toEqual(['a', 'b']);
  expect(scene.lines).toEqual(['a', 'b']);
});

test('a reload brings the new list of models, and no line twice', async () => {
  const events = await connect([{ model: null, text: 'a\n' }]);
  scene.say({ kind: 'watch', log: 'proxy' });
  events.event('config', { ...SNAPSHOT.config, result: 'reloaded' });
  const messages = await scene.stream('api/events');
  messages.begin('a\n', '');
  messages.message('inflight', { operation: 'snapshot' });
  await scene.settle();
  expect(scene.seen.load?.result).toBe('reloaded');
  expect(scene.lines).toEqual(['a']);
});

test('a server that has only the messages of llama-swap is understood', async () => {
  again({ 'api/x/events': 404 });
  const messages = await scene.stream('api/events');
  messages.begin('a\n', 'b\n');
  scene.say({ kind: 'watch', log: 'upstream' });
  messages.message('logData', { source: 'upstream', data: 'c\n' });
  messages.message('inflight', {
    operation: 'upsert',
    request: { id: '1', timestamp: SNAPSHOT.at, model: 'm', elapsed_ms: 5 },
  });
  await scene.settle();
  expect(scene.seen).toMatchObject({
    detailed: false,
    queue: null,
    models: [{ id: 'm', state: 'stopped', details: null }],
    requests: [{ id: '1' }],
  });
  expect(scene.lines).toEqual(['b', 'c']);
  scene.lines = [];
  scene.say({ kind: 'watch', log: 'model:m' });
  const log = await scene.stream('logs/stream/m');
  log.write('b\n');
  await scene.settle();
  log.write('c\n');
  await scene.settle();
  expect(scene.lines).toEqual(['b', 'c']);
});
