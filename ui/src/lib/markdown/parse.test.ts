import { expect, test } from 'vitest';
import { parse } from './parse';

const paragraph = (...inlines: unknown[]) => [{ kind: 'paragraph', inlines }];
const text = (value: string) => ({ kind: 'text', text: value });

test('emphasis, code, links and breaks are understood', () => {
  expect(parse('**a** _b_ ~~c~~ `d<e` <https://x.org>')).toEqual(
    paragraph(
      { kind: 'strong', inlines: [text('a')] },
      text(' '),
      { kind: 'emphasis', inlines: [text('b')] },
      text(' '),
      { kind: 'struck', inlines: [text('c')] },
      text(' '),
      { kind: 'code', text: 'd<e' },
      text(' '),
      { kind: 'link', href: 'https://x.org/', inlines: [text('https://x.org')] },
    ),
  );
  expect(parse('a<br>b')).toEqual(paragraph(text('a'), { kind: 'break' }, text('b')));
});

test('character references are resolved once, escapes too', () => {
  expect(parse('&lt;b&gt; &amp;amp; &#x41; \\*')).toEqual(
    paragraph(text('<b> &amp; A '), text('*')),
  );
});

test('lists keep their numbers, tasks and depth', () => {
  expect(parse('3. a\n   - [x] b\n   - [ ] c\n')).toEqual([
    {
      kind: 'list',
      start: 3,
      items: [
        {
          done: null,
          blocks: [
            ...paragraph(text('a')),
            {
              kind: 'list',
              start: null,
              items: [
                { done: true, blocks: paragraph(text('b')) },
                { done: false, blocks: paragraph(text('c')) },
              ],
            },
          ],
        },
      ],
    },
  ]);
});

test('tables have alignments', () => {
  expect(parse('|a|b|\n|:-:|--:|\n|1|`|`|\n')).toMatchObject([
    { kind: 'table', aligns: ['center', 'end'], head: [[text('a')], [text('b')]] },
  ]);
});

test('code knows its language, and whether it is finished', () => {
  const code = { kind: 'code', language: 'py', text: 'a\n\nb', closed: true };
  expect(parse('```Py title\na\n\nb\n```')).toEqual([code]);
  expect(parse('```py\na\n\nb')).toEqual([{ ...code, closed: false }]);
});

test.each([
  ['$x^2$', 'x^2', false],
  ['\\(x_1\\)', 'x_1', false],
  ['a $$y$$ b', 'y', true],
  ['a \\[z\\] b', 'z', true],
])('%s has a formula', (source, formula, display) => {
  const [block] = parse(source);
  expect(block?.kind === 'paragraph' ? block.inlines : []).toContainEqual({
    kind: 'formula',
    text: formula,
    display,
  });
});

test('formulas of several lines are blocks', () => {
  expect(parse('$$\na\n= b\n$$\n')).toEqual([{ kind: 'formula', text: 'a\n= b' }]);
  expect(parse('\\[\na\n\n= b\n\\]\n')).toEqual([{ kind: 'formula', text: 'a\n\n= b' }]);
});

test.each(['It costs $5 or $6.', '`$x$`', '```\n$$x$$\n```', '$ x $', '\\$x\\$'])(
  '%j has no formula',
  (source) => {
    expect(JSON.stringify(parse(source))).not.toContain('"formula"');
  },
);
