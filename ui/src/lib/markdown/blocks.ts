/**
 * Cuts a growing Markdown text at the blank lines between its blocks, so that what is finished is
 * parsed and drawn once (spec/web-ui.md 15.3). Pure.
 */

const FENCE = /^ {0,3}(`{3,}|~{3,})/;
const FORMULA = /^ {0,3}(\$\$|\\\[)/;
const LIST = /^ {0,3}(?:[-*+]|\d{1,9}[.)])(?:\s|$)/;
const DEFINITION = /^ {0,3}\[[^\]]+\]:/m;

/** How much of a line tells whether it goes on with a list. */
const TELLING = 12;

export class Blocks {
  #text = '';
  #done: string[] = [];
  #from = 0;

  /** The pieces of the text so far; of a text that goes on, all but the last stay as they are. */
  of(text: string, complete: boolean): readonly string[] {
    // A link's address may be defined anywhere, which only the whole text knows.
    if (complete && DEFINITION.test(text)) return [text];
    if (!text.startsWith(this.#text)) {
      this.#done = [];
      this.#from = 0;
    }
    this.#text = text;
    this.#cut();
    const rest = text.slice(this.#from);
    return rest.trim() === '' ? [...this.#done] : [...this.#done, rest];
  }

  #cut(): void {
    const text = this.#text;
    let begin = this.#from;
    let at = begin;
    let open: Open | null = null;
    for (let end = text.indexOf('\n', at); end >= 0; end = text.indexOf('\n', at)) {
      const line = text.slice(at, end);
      at = end + 1;
      if (open !== null) {
        if (closes(line, open)) open = null;
        continue;
      }
      open = opened(line);
      if (open !== null || line.trim() !== '') continue;
      const goesOn = continues(text.slice(begin), text.slice(at));
      if (goesOn === undefined) return; // the next line will tell
      if (goesOn) continue;
      if (text.slice(begin, at).trim() !== '') this.#done.push(text.slice(begin, at));
      begin = at;
      this.#from = at;
    }
  }
}

type Open = { kind: 'fence'; mark: string } | { kind: 'formula'; end: string };

function opened(line: string): Open | null {
  const mark = FENCE.exec(line)?.[1];
  // What stands behind a fence of backticks has none itself (CommonMark 4.5).
  if (
    mark?.startsWith('~') ||
    (mark && !line.slice(line.indexOf(mark) + mark.length).includes('`'))
  )
    return { kind: 'fence', mark };
  const formula = FORMULA.exec(line)?.[1];
  if (formula === undefined) return null;
  const end = formula === '$$' ? '$$' : '\\]';
  const behind = line.slice(line.indexOf(formula) + formula.length);
  return behind.includes(end) ? null : { kind: 'formula', end };
}

function closes(line: string, open: Open): boolean {
  if (open.kind === 'formula') return line.includes(open.end);
  const text = line.trim();
  return text.length >= open.mark.length && text === (open.mark[0] ?? '').repeat(text.length);
}

/** Whether a block goes on behind a blank line; undefined if too little is known of what follows. */
function continues(block: string, follows: string): boolean | undefined {
  const [line = ''] = follows.split('\n', 1);
  if (line.trim() === '') return follows.includes('\n') ? true : undefined;
  if (/^\s/.test(line)) return true;
  if (!LIST.test(block)) return false;
  if (follows.length === line.length && line.length < TELLING) return undefined;
  return LIST.test(line);
}
