/**
 * Tells hotbay's loading text from the reasoning of a model (spec/loading-state.md,
 * spec/web-ui.md 14.8): it begins with a bar of five characters and ends behind the next one. Pure.
 */

const BAR = '━━━━━';
const END = `${BAR}\n \n`;

export class LoadingText {
  #state: 'begin' | 'inside' | 'over' = 'begin';
  #held = '';
  /** The last line of it; empty outside. */
  line = '';

  /** Takes a piece of reasoning; returns what of it is the model's own. */
  push(piece: string): string {
    if (this.#state === 'over') return piece;
    this.#held += piece;
    if (this.#state === 'begin') {
      if (this.#held.length < BAR.length && BAR.startsWith(this.#held)) return '';
      if (!this.#held.startsWith(BAR)) return this.end();
      this.#state = 'inside';
    }
    const end = this.#held.indexOf(END, BAR.length);
    if (end >= 0) {
      const own = this.#held.slice(end + END.length);
      // It comes once more if the request has to wait once more.
      this.#state = 'begin';
      this.#held = '';
      this.line = '';
      return own === '' ? '' : this.push(own);
    }
    this.line = lastLine(this.#held);
    return '';
  }

  /** No more reasoning comes; returns what was held back. */
  end(): string {
    const held = this.#state === 'inside' ? '' : this.#held;
    this.#state = 'over';
    this.#held = '';
    this.line = '';
    return held;
  }
}

function lastLine(text: string): string {
  const lines = text.replaceAll(BAR, '').split('\n');
  const line = lines.findLast((each) => /[^\s.]/.test(each)) ?? '';
  return line.replace(/^llama-swap l/, 'L').replace(/[\s.]+$/, '');
}
