/** An answer while it comes: puts the pieces of its stream together and takes the times. Pure. */

import type { Answer, ToolCall } from './conversation';
import { LoadingText } from './loadingText';
import type { Piece } from './pieces';

const THINK = '<think>';
const END_OF_THINK = '</think>';

export class Growing {
  #answer: Answer;
  #loading = new LoadingText();
  #calls = new Map<number, ToolCall>();
  /** What of the text may be, or is inside, a `<think>` that the server left in it. */
  #think: { state: 'unknown' | 'inside' | 'over'; held: string } = { state: 'unknown', held: '' };
  #reasoningSince: number | null = null;
  over = false;

  /** `begun`: when the question was asked, by the clock of all times here. */
  constructor(
    answer: Answer,
    private readonly begun: number,
  ) {
    this.#answer = answer;
  }

  get answer(): Answer {
    return this.#answer;
  }

  take(piece: Piece, now: number): void {
    if (piece.error !== undefined) {
      this.end('failed', piece.error, now);
      return;
    }
    if (piece.reasoning) this.#reason(this.#loading.push(piece.reasoning), now);
    if (piece.text) this.#text(piece.text, now);
    if (piece.call) this.#call(piece.call, now);
    if (piece.picture) {
      this.#began(now);
      this.#change({ pictures: [...this.#answer.pictures, piece.picture] });
    }
    if (piece.figures) this.#change({ figures: { ...this.#answer.figures, ...piece.figures } });
    if (this.#loading.line) this.#change({ note: this.#loading.line });
    if (piece.end) this.over = true;
  }

  /** How long it was waited for its turn and its model, as the server tells, in milliseconds. */
  waited(loading: number): void {
    this.#change({ figures: { ...this.#answer.figures, loading } });
  }

  end(state: 'done' | 'stopped' | 'failed', note: string, now: number): void {
    this.over = true;
    this.#reason(this.#loading.end(), now);
    const { held, state: think } = this.#think;
    this.#think = { state: 'over', held: '' };
    if (think === 'inside') this.#reason(held, now);
    else if (held) this.#say(held, now);
    this.#finishReasoning(now);
    const figures = { ...this.#answer.figures, total: now - this.begun };
    this.#change({ state, note, figures });
  }

  #change(change: Partial<Answer>): void {
    this.#answer = { ...this.#answer, ...change };
  }

  /** The model has said something, for the first time or again. */
  #began(now: number): void {
    const { figures, state } = this.#answer;
    const pieces = (figures.pieces ?? 0) + 1;
    this.#change({ figures: { ...figures, first: figures.first ?? now - this.begun, pieces } });
    if (state === 'waiting') this.#change({ state: 'streaming', note: '' });
  }

  #reason(piece: string, now: number): void {
    if (!piece) return;
    this.#began(now);
    this.#reasoningSince ??= now;
    this.#change({ reasoning: this.#answer.reasoning + piece });
  }

  #finishReasoning(now: number): void {
    if (this.#reasoningSince === null || this.#answer.reasoned !== null) return;
    this.#change({ reasoned: now - this.#reasoningSince });
  }

  #text(piece: string, now: number): void {
    if (this.#think.state === 'over') {
      this.#say(piece, now);
      return;
    }
    const held = this.#think.held + piece;
    if (this.#think.state === 'unknown') {
      const begin = held.trimStart();
      this.#think.held = held;
      if (begin.length < THINK.length && THINK.startsWith(begin)) return;
      this.#think = { state: begin.startsWith(THINK) ? 'inside' : 'over', held: '' };
      if (this.#think.state === 'inside') this.#text(begin.slice(THINK.length), now);
      else this.#say(held, now);
      return;
    }
    const end = held.indexOf(END_OF_THINK);
    if (end >= 0) {
      this.#think = { state: 'over', held: '' };
      this.#reason(held.slice(0, end), now);
      this.#say(held.slice(end + END_OF_THINK.length).trimStart(), now);
      return;
    }
    // The end may have come in part.
    const safe = Math.max(0, held.length - END_OF_THINK.length);
    this.#think.held = held.slice(safe);
    this.#reason(held.slice(0, safe), now);
  }

  #say(piece: string, now: number): void {
    if (!piece) return;
    this.#began(now);
    this.#finishReasoning(now);
    this.#change({ text: this.#answer.text + piece });
  }

  #call(piece: NonNullable<Piece['call']>, now: number): void {
    this.#began(now);
    const call = this.#calls.get(piece.index) ?? { name: '', arguments: '' };
    this.#calls.set(piece.index, {
      name: call.name + (piece.name ?? ''),
      arguments: call.arguments + (piece.arguments ?? ''),
    });
    this.#change({ calls: [...this.#calls.values()] });
  }
}
