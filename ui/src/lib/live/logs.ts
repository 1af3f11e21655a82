/** The logs that pages read: owns their lines, and how they are kept current while they are watched. */

import { type Credentials, withCredentials } from '$lib/api/credentials';
import { errorOf, explain } from '$lib/api/errors';
import { type Line, LineBuffer, overlap, type Piece } from './lines';
import type { LogName, Port } from './protocol';

/** Milliseconds for which lines are collected before they are passed on. */
const EVERY = 100;
const RETRY = 2000;
const OF_MODEL = 'model:';

interface Log {
  buffer: LineBuffer;
  watchers: Set<Port>;
  fresh: Line[];
  /** Ends what is done for the watchers of a model's log. */
  abort: AbortController | null;
  /** What was written since its history was asked for, until that is here. */
  early: string[] | null;
}

export class Logs {
  #logs = new Map<LogName, Log>();
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** Whether we are told what models write; null until that is known. */
  #told: boolean | null = null;

  constructor(
    private readonly root: string,
    public credentials: Credentials,
    private readonly fetch: typeof globalThis.fetch,
  ) {}

  watch(name: LogName, port: Port): void {
    const log = this.#log(name);
    this.#flush(); // what is collected is in the buffer as well
    log.watchers.add(port);
    port.post({ kind: 'lines', log: name, lines: log.buffer.lines, all: true });
    if (log.abort === null) this.#attend(name, log);
  }

  unwatch(name: LogName, port: Port): void {
    const log = this.#log(name);
    log.watchers.delete(port);
    if (log.watchers.size > 0) return;
    log.abort?.abort();
    log.abort = null;
  }

  forget(port: Port): void {
    for (const name of this.#logs.keys()) this.unwatch(name, port);
  }

  /** Forgets all that was written; whoever watches has to begin anew. */
  clear(): void {
    for (const { abort } of this.#logs.values()) abort?.abort();
    this.#logs.clear();
  }

  /** A connection begins that says what models write. */
  told(): void {
    this.#tell(true);
  }

  /** This server does not say what models write: each watched log needs a stream of its own. */
  untold(): void {
    this.#tell(false);
  }

  /** What the server had in a log when it began to tell us. */
  history(source: 'proxy' | 'upstream', pieces: readonly Piece[]): void {
    const log = this.#log(source);
    this.#added(log, log.buffer.resume(pieces));
  }

  /** What has just been written: by a model's server, or to hotbay's own log. */
  written(model: string | null, text: string): void {
    if (model !== null) this.#writtenBy(model, text);
    this.append(model === null ? 'proxy' : 'upstream', text, model);
  }

  append(source: 'proxy' | 'upstream', text: string, model: string | null = null): void {
    const log = this.#log(source);
    this.#added(log, log.buffer.push(text, model));
  }

  #log(name: LogName): Log {
    let log = this.#logs.get(name);
    if (log === undefined) {
      log = { buffer: new LineBuffer(), watchers: new Set(), fresh: [], abort: null, early: null };
      this.#logs.set(name, log);
    }
    return log;
  }

  #writtenBy(model: string, text: string): void {
    const log = this.#logs.get(`${OF_MODEL}${model}`);
    if (log === undefined || log.abort === null || this.#told !== true) return;
    if (log.early !== null) log.early.push(text);
    else this.#added(log, log.buffer.push(text));
  }

  /** Takes a history, and the pieces that came meanwhile, the first of which it may have. */
  #joined(log: Log, text: string, pieces: readonly string[]): void {
    const rest = pieces.join('');
    this.#added(log, log.buffer.resume([{ model: null, text }]));
    this.#added(log, log.buffer.push(rest.slice(overlap(text, rest))));
  }

  #added(log: Log, lines: Line[]): void {
    if (lines.length === 0 || log.watchers.size === 0) return;
    log.fresh.push(...lines);
    this.#timer ??= setTimeout(() => this.#flush(), EVERY);
  }

  #flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    for (const [name, log] of this.#logs) {
      if (log.fresh.length === 0) continue;
      for (const port of log.watchers) {
        port.post({ kind: 'lines', log: name, lines: log.fresh, all: false });
      }
      log.fresh = [];
    }
  }

  // -- logs of single models -----------------------------------------------------------------

  #tell(told: boolean): void {
    this.#told = told;
    for (const [name, log] of this.#logs) {
      log.abort?.abort();
      log.abort = null;
      if (log.watchers.size > 0) this.#attend(name, log);
    }
  }

  /** Keeps the log of one model current for as long as somebody watches. */
  #attend(name: LogName, log: Log): void {
    if (!name.startsWith(OF_MODEL) || this.#told === null) return;
    log.abort = new AbortController();
    const work = this.#told ? this.#fetched : this.#streamed;
    void this.#repeat(name, log, log.abort.signal, work.bind(this));
  }

  /** Does something until it says that it is done, or nobody watches any more. */
  async #repeat(
    name: LogName,
    log: Log,
    signal: AbortSignal,
    work: (response: Response, log: Log) => Promise<boolean>,
  ): Promise<void> {
    const id = encodeURIComponent(name.slice(OF_MODEL.length));
    while (!signal.aborted) {
      try {
        log.early = [];
        const url = new URL(`logs/stream/${id}${this.#told ? '?no-follow' : ''}`, this.root);
        const response = await this.fetch(url, withCredentials(this.credentials, { signal }));
        if (!response.ok) throw await errorOf(response);
        this.#trouble(name, log, '');
        if (await work(response, log)) return;
      } catch (error) {
        if (signal.aborted) return;
        this.#trouble(name, log, explain(error));
      }
      await new Promise((resolve) => setTimeout(resolve, RETRY));
    }
  }

  /** Takes the history; what follows comes by `written`, so that it takes no connection. */
  async #fetched(response: Response, log: Log): Promise<boolean> {
    this.#joined(log, await response.text(), log.early ?? []);
    log.early = null;
    return true;
  }

  async #streamed(response: Response, log: Log): Promise<boolean> {
    if (response.body === null) return false;
    let first = true;
    const decoder = new TextDecoder();
    for await (const bytes of response.body) {
      const text = decoder.decode(bytes, { stream: true });
      // A stream begins with the history.
      this.#added(log, first ? log.buffer.resume([{ model: null, text }]) : log.buffer.push(text));
      first = false;
    }
    return false;
  }

  #trouble(name: LogName, log: Log, reason: string): void {
    for (const port of log.watchers) port.post({ kind: 'logState', log: name, reason });
  }
}
