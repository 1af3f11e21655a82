/** What all pages of a browser share: owns one connection to the server and what it has told. */

import { type Credentials, same } from '$lib/api/credentials';
import { Link, type Listener } from './link';
import { Logs } from './logs';
import type { FromPage, PassedOn, Port, ToPage } from './protocol';
import * as state from './state';
import type { Events, Messages, ModelDetails, ModelStatus } from './wire';

/** Milliseconds after which pages learn of what has changed: soon, or of mere growth at leisure. */
const SOON = 16;
const LEISURE = 250;

const PASSED_ON = new Set<string>([
  'state',
  'swap',
  'start_failed',
  'config',
  'patience',
  'activity',
] satisfies PassedOn[]);

export class Hub implements Listener {
  #ports = new Set<Port>();
  #link: Link;
  #logs: Logs;
  #snapshot = state.UNKNOWN;
  #statuses: ModelStatus[] | null = null;
  #details = new Map<string, ModelDetails>();
  #credentials: Credentials;
  #refused: Credentials | null = null;
  /** The server was reached with these credentials. */
  #reached = false;
  /** Logs of llama-swap whose history has come; what follows is new. */
  #historic = new Set<string>();
  #dirty = new Set<keyof state.Snapshot>();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #due = 0;

  constructor(
    root: string,
    credentials: Credentials,
    fetch: typeof globalThis.fetch = (...call) => globalThis.fetch(...call),
  ) {
    this.#credentials = credentials;
    this.#link = new Link(root, this, fetch);
    this.#logs = new Logs(root, credentials, fetch);
    void this.#link.run(credentials);
  }

  receive(port: Port, message: FromPage): void {
    switch (message.kind) {
      case 'hello':
        this.#ports.add(port);
        this.#greet(port, message.credentials);
        port.post({ kind: 'state', patch: this.#snapshot });
        break;
      case 'retry':
        this.#retry(message.credentials);
        break;
      case 'watch':
        this.#logs.watch(message.log, port);
        break;
      case 'unwatch':
        this.#logs.unwatch(message.log, port);
        break;
      case 'leave':
        this.#leave();
        break;
      case 'bye':
        this.#ports.delete(port);
        this.#logs.forget(port);
    }
  }

  stop(): void {
    this.#link.stop();
  }

  /** A page that comes may lack the key that we have; or have it, where the server refused us. */
  #greet(port: Port, credentials: Credentials): void {
    if (this.#refused === null) this.#admit([port]);
    else if (same(this.#refused, credentials)) port.post({ kind: 'refused', credentials });
    else this.#retry(credentials);
  }

  /** Tells pages the key by which the server has let us in. */
  #admit(ports: Iterable<Port>): void {
    if (!this.#reached || this.#credentials.kind !== 'key') return;
    for (const port of ports) port.post({ kind: 'admitted', key: this.#credentials.key });
  }

  #retry(credentials: Credentials): void {
    this.#refused = null;
    this.#credentials = credentials;
    this.#logs.credentials = credentials;
    this.#link.retry(credentials);
  }

  /** Forgets the key, and what was seen with it. */
  #leave(): void {
    this.#refused = this.#credentials = { kind: 'none' };
    this.#reached = false;
    this.#link.leave();
    this.#logs.clear();
    this.#historic.clear();
    this.#statuses = null;
    this.#details.clear();
    this.#set({ ...state.UNKNOWN, connection: this.#snapshot.connection });
    this.#post({ kind: 'left' });
  }

  // -- what the link tells ---------------------------------------------------------------

  connection(connection: state.Connection): void {
    this.#set({ connection });
  }

  reached(detailed: boolean): void {
    this.#reached = true;
    this.#admit(this.#ports);
    this.#set({ detailed });
    if (detailed) return;
    this.#logs.untold();
    this.#historic.clear();
    this.#details.clear();
    this.#set({ queue: null, load: null, skew: 0 });
  }

  refused(credentials: Credentials): void {
    this.#reached = false;
    this.#refused = credentials;
    this.#post({ kind: 'refused', credentials });
  }

  event<Name extends keyof Events>(name: Name, data: Events[Name]): void {
    const tell = this.#onEvent[name];
    tell?.(data);
    if (PASSED_ON.has(name)) this.#post({ kind: 'event', name, data } as ToPage);
  }

  message<Type extends keyof Messages>(type: Type, data: Messages[Type]): void {
    this.#onMessage[type]?.(data);
  }

  readonly #onEvent: { [Name in keyof Events]?: (data: Events[Name]) => void } = {
    snapshot: (data) => {
      this.#details = new Map(data.models.map((model) => [model.id, model]));
      this.#mergeModels();
      this.#set({
        requests: state.afterChange(
          [],
          { operation: 'snapshot', requests: data.inflight },
          Date.now(),
        ),
        queue: data.queue,
        profile: data.profile,
        load: data.config,
        skew: Date.parse(data.at) - Date.now(),
      });
      this.#logs.told();
      this.#logs.history(
        'proxy',
        data.logs.filter(({ model }) => model === null),
      );
      this.#logs.history(
        'upstream',
        data.logs.filter(({ model }) => model !== null),
      );
      this.#describe();
    },
    state: (data) => {
      this.#details.set(data.model, state.afterState(this.#details.get(data.model), data));
      this.#mergeModels();
    },
    start_failed: (data) => {
      this.#details.set(data.model, state.afterFailure(this.#details.get(data.model), data));
      this.#mergeModels();
    },
    queue: (queue) => this.#set({ queue }),
    config: (load) => {
      this.#set({ load });
      if (load.result === 'reloaded') this.#describe();
    },
    profile: ({ active }) => this.#set({ profile: active }),
    inflight: (change) => this.#changed(change),
    log: ({ model, text }) => this.#logs.written(model, text),
  };

  readonly #onMessage: { [Type in keyof Messages]?: (data: Messages[Type]) => void } = {
    logData: ({ source, data }) => {
      if (this.#snapshot.detailed) return;
      if (this.#historic.has(source)) this.#logs.append(source, data);
      else this.#logs.history(source, [{ model: null, text: data }]);
      this.#historic.add(source);
    },
    modelStatus: (statuses) => {
      this.#statuses = statuses;
      this.#mergeModels();
    },
    uiConfig: ({ activity }) => this.#set({ sessionHeaders: activity?.session_id ?? [] }),
    profileChanged: ({ active }) => this.#set({ profile: active }),
    // Where hotbay's own events come, these are the poorer ones.
    inflight: (change) => {
      if (!this.#snapshot.detailed) this.#changed(change);
    },
    activity: (data) => {
      if (!this.#snapshot.detailed) this.#post({ kind: 'event', name: 'activity', data });
    },
  };

  /** Fetches what hotbay's own events do not say: names of models, and headers of sessions. */
  #describe(): void {
    this.#link.describe().catch((error) => this.#link.restart(error));
  }

  // -- what pages learn --------------------------------------------------------------------

  #mergeModels(): void {
    if (this.#statuses === null) return;
    this.#set({ models: state.merged(this.#statuses, this.#details) });
  }

  #changed(change: Parameters<typeof state.afterChange>[1]): void {
    const old = this.#snapshot.requests ?? [];
    const requests = state.afterChange(old, change, Date.now());
    this.#set({ requests }, grewOnly(old, change) ? LEISURE : SOON);
  }

  #set(patch: Partial<state.Snapshot>, within = SOON): void {
    this.#snapshot = { ...this.#snapshot, ...patch };
    for (const key of Object.keys(patch)) this.#dirty.add(key as keyof state.Snapshot);
    const due = Date.now() + within;
    if (this.#timer !== undefined && this.#due <= due) return;
    clearTimeout(this.#timer);
    this.#due = due;
    this.#timer = setTimeout(() => this.#flush(), within);
  }

  #flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#dirty.size === 0) return;
    const entries = [...this.#dirty].map((key) => [key, this.#snapshot[key]]);
    this.#dirty.clear();
    const patch = Object.fromEntries(entries) as Partial<state.Snapshot>;
    for (const port of this.#ports) port.post({ kind: 'state', patch });
  }

  /** Passes something on, after the changes that came before it. */
  #post(message: ToPage): void {
    this.#flush();
    for (const port of this.#ports) port.post(message);
  }
}

/** Whether nothing of a request has changed but how far it has got. */
function grewOnly(
  old: readonly state.Request[],
  change: Parameters<typeof state.afterChange>[1],
): boolean {
  if (change.operation !== 'upsert') return false;
  const before = old.find(({ id }) => id === change.request.id);
  return before !== undefined && before.phase === change.request.phase;
}
