/** Reads server-sent events from the body of an answer (WHATWG HTML 9.2). */

export interface ServerEvent {
  /** `message` unless the server names it. */
  name: string;
  data: string;
  /** Of the last event that had one; empty before. */
  id: string;
}

export class EventParser {
  #rest = '';
  #name = '';
  #data: string[] = [];
  #id = '';

  /** Takes the next piece of the stream, however it was cut; returns what is complete now. */
  push(piece: string): ServerEvent[] {
    const events: ServerEvent[] = [];
    const text = this.#rest + piece;
    // A line feed may still belong to a carriage return at the very end.
    const whole = text.endsWith('\r') ? text.slice(0, -1) : text;
    const lines = whole.split(/\r\n|\n|\r/);
    this.#rest = (lines.pop() ?? '') + text.slice(whole.length);
    for (const line of lines) this.#line(line, events);
    return events;
  }

  #line(line: string, events: ServerEvent[]): void {
    if (line === '') {
      if (this.#data.length > 0) {
        events.push({
          name: this.#name || 'message',
          data: this.#data.join('\n'),
          id: this.#id,
        });
      }
      this.#name = '';
      this.#data = [];
      return;
    }
    const colon = line.indexOf(':');
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '');
    if (field === 'event') this.#name = value;
    else if (field === 'data') this.#data.push(value);
    else if (field === 'id' && !value.includes('\0')) this.#id = value;
  }
}

/** Yields the events of an answer; a batch is what came at once, and may be empty. */
export async function* batches(response: Response): AsyncGenerator<ServerEvent[]> {
  if (response.body === null) return;
  const parser = new EventParser();
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      yield parser.push(value);
    }
  } finally {
    await reader.cancel().catch(() => {}); // what is broken already cannot be ended
  }
}
