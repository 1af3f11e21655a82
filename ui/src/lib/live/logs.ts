/** The logs that pages read: owns their lines, and the streams of single models while they are watched. */

import { type Credentials, withCredentials } from '$lib/api/credentials';
import { errorOf, explain } from '$lib/api/errors';
import { type Line, LineBuffer, overlap } from './lines';
import type { LogName, Port } from './protocol';

/** Milliseconds for which lines are collected before they are passed on. */
const EVERY = 100;
const RETRY = 2000;

interface Log {
  buffer: LineBuffer;
  watchers: Set<Port>;
  fresh: Line[];
  abort: AbortController | null;
}

export class Logs {
  #logs = new Map<LogName, Log>();
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** What came since a connection was made, until the histories are here. */
  #early: { model: string | null; text: string }[] | null = null;

  constructor(
    private readonly root: string,
    public credentials: Credentials,
  ) {}

  watch(name: LogName, port: Port): void {
    const log = this.#log(name);
    this.#flush(); // what is collected is in the buffer as well
    log.watchers.add(port);
    port.post({ kind: 'lines', log: name, lines: log.buffer.lines, all: true });
    if (name.startsWith('model:') && log.abort === null) void this.#stream(name, log);
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

  /** A connection begins whose histories are yet to come. */
  begin(): void {
    this.#early = [];
  }

  /** What the server had in a log when it began to tell us. */
  history(source: 'proxy' | 'upstream', text: string): void {
    const proxy = source === 'proxy';
    const log = this.#log(source);
    const early = (this.#early ?? []).filter(({ model }) => (model === null) === proxy);
    // The history was taken a moment after the first of these pieces.
    let known = overlap(text, early.map((piece) => piece.text).join(''));
    this.#added(log, log.buffer.resume(text));
    for (const piece of early) {
      const rest = piece.text.slice(known);
      known = Math.max(0, known - piece.text.length);
      if (rest) this.#added(log, log.buffer.push(rest, piece.model));
    }
    if (!proxy) this.#early = null; // it is the second of the two
  }

  /** What has just been written: by a model's server, or to hotbay's own log. */
  written(model: string | null, text: string): void {
    if (this.#early !== null) this.#early.push({ model, text });
    else this.append(model === null ? 'proxy' : 'upstream', text, model);
  }

  append(source: 'proxy' | 'upstream', text: string, model: string | null = null): void {
    const log = this.#log(source);
    this.#added(log, log.buffer.push(text, model));
  }

  #log(name: LogName): Log {
    let log = this.#logs.get(name);
    if (log === undefined) {
      log = { buffer: new LineBuffer(), watchers: new Set(), fresh: [], abort: null };
      this.#logs.set(name, log);
    }
    return log;
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

  /** Reads the log of one model for as long as somebody watches. */
  async #stream(name: LogName, log: Log): Promise<void> {
    const abort = new AbortController();
    log.abort = abort;
    const id = encodeURIComponent(name.slice('model:'.length));
    while (!abort.signal.aborted) {
      try {
        const url = new URL(`logs/stream/${id}`, this.root);
        const init = withCredentials(this.credentials, { signal: abort.signal });
        const response = await fetch(url, init);
        if (!response.ok) throw await errorOf(response);
        this.#tell(name, log, '');
        await this.#read(response, log);
      } catch (error) {
        if (abort.signal.aborted) return;
        this.#tell(name, log, explain(error));
      }
      await new Promise((resolve) => setTimeout(resolve, RETRY));
    }
  }

  async #read(response: Response, log: Log): Promise<void> {
    if (response.body === null) return;
    let first = true;
    const decoder = new TextDecoder();
    for await (const bytes of response.body) {
      const text = decoder.decode(bytes, { stream: true });
      // A stream begins with the history.
      this.#added(log, first ? log.buffer.resume(text) : log.buffer.push(text));
      first = false;
    }
  }

  #tell(name: LogName, log: Log, reason: string): void {
    for (const port of log.watchers) port.post({ kind: 'logState', log: name, reason });
  }
}
