/** Mathematics in Markdown: `$…$`, `$$…$$`, `\(…\)` and `\[…\]`, but not in code. */

import type { TokenizerAndRendererExtension, Tokens } from 'marked';

export interface FormulaToken extends Tokens.Generic {
  type: 'formula';
  text: string;
  display: boolean;
}

const BLOCK = /^ {0,3}(?:\$\$([\s\S]+?)\$\$|\\\[([\s\S]+?)\\\])[ \t]*(?:\n|$)/;
const DISPLAYED = /^(?:\$\$([^$]+?)\$\$|\\\[([\s\S]+?)\\\])/;
const BRACKETS = /^\\\(([\s\S]+?)\\\)/;
/** As Pandoc has it, so that two prices in a line are no formula. */
const DOLLARS = /^\$(?![\s$])((?:\\.|[^\\$\n]|\n(?!\s*\n))+?)(?<!\s)\$(?!\d)/;

function token(match: RegExpExecArray | null, display: boolean): FormulaToken | undefined {
  const text = match?.slice(1).find((group) => group !== undefined);
  if (match === null || text === undefined) return undefined;
  return { type: 'formula', raw: match[0], text: text.trim(), display };
}

export const formulas: TokenizerAndRendererExtension[] = [
  {
    name: 'formula',
    level: 'block',
    start: (text) => /\n {0,3}(?:\$\$|\\\[)/.exec(text)?.index,
    tokenizer: (text) => token(BLOCK.exec(text), true),
  },
  {
    name: 'formula',
    level: 'inline',
    start: (text) => /\$|\\[([]/.exec(text)?.index,
    tokenizer: (text) =>
      token(DISPLAYED.exec(text), true) ??
      token(BRACKETS.exec(text), false) ??
      token(DOLLARS.exec(text), false),
  },
];
