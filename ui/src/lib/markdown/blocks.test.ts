import { expect, test } from 'vitest';
import { Blocks } from './blocks';

/** Feeds a text character by character; returns the last pieces, seeing that none ever changes. */
function fed(text: string): readonly string[] {
  const blocks = new Blocks();
  let before: readonly string[] = [];
  for (let end = 1; end <= text.length; end += 1) {
    const pieces = blocks.of(text.slice(0, end), false);
    expect(pieces.slice(0, Math.max(0, before.length - 1))).toEqual(before.slice(0, -1));
    before = pieces;
  }
  return before;
}

test('a text is cut at blank lines, and what is finished never changes', () => {
  expect(fed('One\ntwo.\n\nThree.\n\n\nFour')).toEqual(['One\ntwo.\n\n', 'Three.\n\n\n', 'Four']);
});

test.each([
  ['a fence', '```py\na\n\nb\n```\n'],
  ['a fence of tildes with backticks in it', '~~~\n```\n\nb\n~~~\n'],
  ['a longer fence', '````\n```\n\n```\n````\n'],
  ['a formula', '$$\na\n\nb\n$$\n'],
  ['a formula in brackets', '\\[\na\n\nb\n\\]\n'],
  ['a loose list', '- one\n\n- two\n\n  more\n'],
  ['a numbered list', '1. one\n\n2. two\n\n10) three\n'],
])('%s stays whole', (_name, text) => {
  expect(fed(`${text}\nafter the blank line\n`)).toEqual([`${text}\n`, 'after the blank line\n']);
});

test('a fence that is not closed goes on to the end', () => {
  expect(fed('```\na\n\nb')).toEqual(['```\na\n\nb']);
});

test('inline code is no fence', () => {
  expect(fed('```a``` b\n\nafterwards is cut')).toEqual(['```a``` b\n\n', 'afterwards is cut']);
});

test('a complete text with definitions is one piece, as they count everywhere', () => {
  const text = 'See [it].\n\n[it]: https://example.org\n';
  expect(new Blocks().of(text, true)).toEqual([text]);
});

test('another text begins anew', () => {
  const blocks = new Blocks();
  blocks.of('One.\n\nTwo and more', false);
  expect(blocks.of('Other.\n\nText is here', false)).toEqual(['Other.\n\n', 'Text is here']);
});
