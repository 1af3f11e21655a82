/** Text of logs, cut into lines as it comes. Owns what is kept of it. */

export interface Line {
  /** Counts up from 1, in each log of its own. */
  number: number;
  text: string;
  /** Whose output it is; null if it is hotbay's own, or nobody knows. */
  model: string | null;
}

/** What somebody has written at once. */
export interface Piece {
  model: string | null;
  text: string;
}

/** Lines of one log that are kept. */
export const KEPT = 10_000;

const LONGEST = 16_384;
/** Between what was known and what follows, where something may be missing. */
const GAP = '— connection lost: lines may be missing —';

export class LineBuffer {
  lines: Line[] = [];
  #number = 0;
  /** What has no end yet, by the model it is of. */
  #open = new Map<string | null, string>();

  /** Takes a piece of text; returns the lines that it completes. */
  push(text: string, model: string | null = null): Line[] {
    const parts = ((this.#open.get(model) ?? '') + text).split('\n');
    const rest = parts.pop() ?? '';
    if (rest.length > LONGEST) {
      parts.push(rest);
      this.#open.delete(model);
    } else if (rest === '') this.#open.delete(model);
    else this.#open.set(model, rest);
    return this.#add(parts, model);
  }

  /** Takes a history that replaces or continues what is here; returns the lines that are new. */
  resume(history: readonly Piece[]): Line[] {
    const known = this.lines.slice(-50).map(({ text }) => text);
    const told = new LineBuffer();
    for (const { text, model } of history) told.push(text, model);
    this.#open = told.#open;
    const from = known.length === 0 ? 0 : endOf(known, told.lines);
    if (from >= 0) return this.#keep(told.lines.slice(from));
    return this.#keep([{ text: GAP, model: null }, ...told.lines]);
  }

  #add(texts: string[], model: string | null): Line[] {
    return this.#keep(texts.map((text) => ({ text: shown(text), model })));
  }

  #keep(lines: readonly Piece[]): Line[] {
    const added = lines.map(({ text, model }) => {
      this.#number += 1;
      return { number: this.#number, text, model };
    });
    if (added.length > 0) this.lines = [...this.lines, ...added].slice(-KEPT);
    return added;
  }
}

/** Where `lines` goes on after its last occurrence of the run `known`; -1 if it does not have it. */
function endOf(known: string[], lines: readonly Line[]): number {
  for (let end = lines.length; end >= known.length; end -= 1) {
    if (known.every((text, index) => lines[end - known.length + index]?.text === text)) return end;
  }
  return -1;
}

/** A line as a terminal would leave it: a carriage return begins it anew, as progress bars do. */
function shown(line: string): string {
  const text = line.endsWith('\r') ? line.slice(0, -1) : line;
  const at = text.lastIndexOf('\r');
  return at < 0 ? text : text.slice(at + 1);
}

/** How much of the beginning of `live` is the end of `history` already. */
export function overlap(history: string, live: string): number {
  for (let size = Math.min(history.length, live.length); size > 0; size -= 1) {
    if (history.endsWith(live.slice(0, size))) return size;
  }
  return 0;
}
