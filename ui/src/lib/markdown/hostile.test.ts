import { flushSync, mount, unmount } from 'svelte';
import { afterEach, expect, test } from 'vitest';
import Markdown from './Markdown.svelte';
import { draw } from './maths';
import { parse } from './parse';

let shown: Record<string, unknown> | undefined;

afterEach(async () => {
  if (shown) await unmount(shown);
  shown = undefined;
});

function drawn(text: string): HTMLElement {
  const target = document.createElement('div');
  document.body.append(target);
  shown = mount(Markdown, { target, props: { text } });
  flushSync();
  return target;
}

const ALLOWED = new Set(
  (
    'div p span a strong em del code pre br hr ul ol li table thead tbody tr th td blockquote input ' +
    'h3 h4 h5 h6 button svg path'
  ).split(' '),
);

const HOSTILE = [
  '<script>alert(1)</script>',
  '<img src=x onerror=alert(1)>',
  'a <img src="https://evil.example/?q=secret" onerror=alert(1)> b',
  '<svg onload=alert(1)><use href="data:image/svg+xml,x#y"></svg>',
  '<iframe src="javascript:alert(1)"></iframe>',
  '<style>body { display: none }</style>',
  '<link rel=stylesheet href=https://evil.example/x.css>',
  '<meta http-equiv=refresh content="0;url=https://evil.example">',
  '<base href="https://evil.example/">',
  '<form action=https://evil.example><button>x</button></form>',
  '<div style="position:fixed;inset:0;background:red">x</div>',
  '<a href="javascript:alert(1)">x</a>',
  '<details open ontoggle=alert(1)>x</details>',
  '<math><mtext></p><style><img src onerror=alert(1)>',
  '<template><script>alert(1)</script></template>',
  '<!--><script>alert(1)</script>-->',
  '<![CDATA[<script>alert(1)</script>]]>',
  '[x](javascript:alert(1))',
  '[x](JaVaScRiPt:alert(1))',
  '[x](java&#10;script:alert(1))',
  '[x](&#106;avascript:alert(1))',
  '[x](data:text/html;base64,PHNjcmlwdD4=)',
  '[x](vbscript:msgbox)',
  '[x](blob:https://x/1)',
  '[x](file:///etc/passwd)',
  '[x](//evil.example)',
  '[x](/unload)',
  '[x](../upstream/model/)',
  '<javascript:alert(1)>',
  '[x][y]\n\n[y]: javascript:alert(1)',
  '![x](https://evil.example/?q=secret)',
  '![x](javascript:alert(1))',
  '![x](data:image/svg+xml,<svg onload=alert(1)>)',
  '![x][y]\n\n[y]: https://evil.example/pixel.gif',
  '[![x](https://evil.example/a.png)](javascript:alert(1))',
  '[x](https://a.example "t\\" onmouseover=alert(1) x=\\"")',
  '[x](https://a.example"onmouseover="alert(1))',
  '`<img src=x onerror=alert(1)>`',
  '```html\n<script>alert(1)</script>\n```',
  '```"><script>alert(1)</script>\nx\n```',
  '```js onload=alert(1)\nx\n```',
  '| <img src=x onerror=alert(1)> |\n|---|\n| <script>alert(1)</script> |',
  '$\\href{javascript:alert(1)}{x}$',
  '$\\includegraphics{https://evil.example/x.png}$',
  '$$\\htmlStyle{position:fixed}{x}$$',
  '$$\\def\\a{\\a\\a}\\a$$',
  '# <script>alert(1)</script>',
  '&lt;script&gt;alert(1)&lt;/script&gt;',
  '&#60;img src=x onerror=alert(1)&#62;',
  '\u202e<script>alert(1)</script>',
];

test.each(HOSTILE)('%j becomes nothing but text', (source) => {
  const target = drawn(source);
  for (const element of target.querySelectorAll('*')) {
    expect(ALLOWED).toContain(element.localName);
    expect(
      element.getAttributeNames().filter((name) => /^on|^src|^style$|^action/.test(name)),
    ).toEqual([]);
    if (element.localName === 'a') {
      expect(element.getAttribute('href')).toMatch(/^(https?|mailto):/);
      expect(element.getAttribute('rel')).toContain('noopener noreferrer');
      expect(element.getAttribute('target')).toBe('_blank');
    }
  }
  target.remove();
});

test('what a text says of HTML can still be read', () => {
  const target = drawn('Use <script>alert(1)</script> never.');
  expect(target.textContent).toContain('Use <script>alert(1)</script> never.');
});

test.each([
  ['quotes', '>'.repeat(20_000)],
  ['lists', Array.from({ length: 400 }, (_, depth) => `${' '.repeat(2 * depth)}- x`).join('\n')],
  ['stars', '*a **b '.repeat(2700)],
  ['brackets', `${'['.repeat(1999)} ${'[ '.repeat(8000)}`],
  ['links', '[a](b '.repeat(2800)],
  ['backticks', '`a`` '.repeat(3300)],
  ['dollars', '$a '.repeat(6000)],
  ['opened formulas', '\\(\\[ '.repeat(3900)],
  ['tags', '<a '.repeat(6000)],
  ['entities', '&a '.repeat(6600)],
  ['table', `|${'a|'.repeat(500)}\n|${'-|'.repeat(500)}\n${'|b'.repeat(5000)}`],
  ['runs that are too long', '*a **b '.repeat(14_000)],
  ['a huge word', 'x'.repeat(300_000)],
  ['mail addresses', `${'a.'.repeat(40_000)}@`],
  ['mail addresses behind a fence', `\`\`\`\nx\n\`\`\`\n${'a.'.repeat(40_000)}@`],
  ['at signs', `${'a@'.repeat(1000)} ${'a@ '.repeat(5000)}`],
  ['references', '&amp; '.repeat(3300)],
  ['underscores', '_a __b '.repeat(2800)],
  ['pictures', '![a]( '.repeat(2800)],
])('pathological %s take no noticeable time', (_name, source) => {
  const begin = performance.now();
  expect(parse(source).length).toBeGreaterThan(0);
  expect(performance.now() - begin).toBeLessThan(1000);
});

test.each([
  '\\href{javascript:alert(1)}{x}',
  '\\url{https://evil.example}',
  '\\includegraphics[width=9em]{https://evil.example/x.png}',
  '\\htmlStyle{position:fixed}{x}',
  '\\class{shell}{x}',
  '\\id{announcements}{x}',
  '\\def\\a{\\a\\a}\\a',
  '\\text{<img src=x onerror=alert(1)>}',
  '\\unknown',
])('the formula %j fetches nothing, leads nowhere and takes no names', (formula) => {
  const element = document.createElement('span');
  draw(formula, false, element);
  expect(element.querySelector('a, img, mglyph, script, [href], [src], [id], .shell')).toBeNull();
  expect(element.textContent).not.toBe('');
});
