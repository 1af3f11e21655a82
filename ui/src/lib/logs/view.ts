/** Which lines of a log are shown: owns them, and goes over each line once as it comes. */

import { plain } from '$lib/ansi';
import { KEPT, type Line } from '$lib/live/lines';

export const LEVELS = ['DEBUG', 'INFO', 'WARN', 'ERROR'] as const;
export type Level = (typeof LEVELS)[number];

export interface Wish {
  /** Marks what it matches, or leaves only lines that it matches; null: nothing is searched. */
  pattern: RegExp | null;
  only: boolean;
  /** The lowest level that is shown; lines without a level always are. */
  level: Level;
  /** Only lines of this model; empty: of all. */
  model: string;
  /** Lines about the requests of this very UI are left out. */
  quiet: boolean;
  /** Lines up to this number have been cleared away. */
  after: number;
}

export const EVERYTHING: Wish = {
  pattern: null,
  only: false,
  level: 'DEBUG',
  model: '',
  quiet: false,
  after: 0,
};

/** The access log of what pages of the UI ask for. */
const OWN =
  /Request \S+ \\?"\w+ \/(?:(?:ui|api|logs)(?:\/[^"]*)?|v1\/models) HTTP\/[^"]*" \d+ \d+ \\?"Mozilla\//;
const LEVEL = /^.{0,64}?(?:\[(DEBUG|INFO|WARN|ERROR)\]|"level": "(debug|info|warn|error)")/;

export class LogView {
  all: Line[] = [];
  shown: Line[] = [];
  /** Where in `shown` something was found. */
  hits: number[] = [];
  /** The models that lines are of. */
  models: string[] = [];
  #wish = EVERYTHING;

  /** Takes lines that follow, or with `replace` all that there are. */
  push(lines: readonly Line[], replace: boolean): void {
    const kept = replace ? lines : [...this.all, ...lines];
    this.all = kept.slice(-KEPT);
    for (const { model } of lines) {
      if (model !== null && !this.models.includes(model)) this.models = [...this.models, model];
    }
    if (replace) this.#sift();
    else {
      this.#drop(this.all[0]?.number ?? 0);
      this.#add(lines);
    }
  }

  /** Forgets what is older than what is kept. */
  #drop(first: number): void {
    const gone = this.shown.findIndex(({ number }) => number >= first);
    const dropped = gone < 0 ? this.shown.length : gone;
    if (dropped === 0) return;
    this.shown = this.shown.slice(dropped);
    this.hits = this.hits.map((index) => index - dropped).filter((index) => index >= 0);
  }

  wish(wish: Wish): void {
    this.#wish = wish;
    this.#sift();
  }

  #sift(): void {
    this.shown = [];
    this.hits = [];
    this.#add(this.all);
  }

  #add(lines: readonly Line[]): void {
    const { pattern, only, level, model, quiet, after } = this.#wish;
    const lowest = LEVELS.indexOf(level);
    const shown = [...this.shown];
    const hits = [...this.hits];
    for (const line of lines.slice(-KEPT)) {
      if (line.number <= after || (model !== '' && line.model !== model)) continue;
      const text = plain(line.text);
      if (lowest > 0 && levelOf(text) < lowest) continue;
      if (quiet && OWN.test(text)) continue;
      if (pattern !== null) {
        pattern.lastIndex = 0;
        const found = pattern.test(text);
        if (only && !found) continue;
        if (found) hits.push(shown.length);
      }
      shown.push(line);
    }
    this.shown = shown;
    this.hits = hits;
  }
}

/** The rank of a line's level; beyond all ranks if it has none. */
export function levelOf(text: string): number {
  const found = LEVEL.exec(text);
  const name = found?.[1] ?? found?.[2]?.toUpperCase();
  return name === undefined ? LEVELS.length : LEVELS.indexOf(name as Level);
}

/** The pattern that somebody typed, or why it is none. */
export function patternOf(text: string): { pattern: RegExp | null; error?: string } {
  if (text === '') return { pattern: null };
  try {
    return { pattern: new RegExp(text, 'gi') };
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    return { pattern: null, error: message.replace(/^.*\/gi: /, 'Not a pattern: ') };
  }
}

/** The lines as text; with `tagged` each says of which model it is. */
export function textOf(lines: readonly Line[], tagged: boolean): string {
  return lines
    .map(({ text, model }) => `${tagged && model !== null ? `${model} | ` : ''}${plain(text)}\n`)
    .join('');
}
