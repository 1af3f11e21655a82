import { expect, test } from 'vitest';
import { highlighted } from './highlight';

const kinds = async (code: string, language: string) =>
  Object.fromEntries(
    (await highlighted(code, language))?.map(({ text, kind }) => [text, kind]) ?? [],
  );

test('style sheets are told by their form, alone and in a page', async () => {
  const code = '@media print { .a, #b { color: #ff00aa; width: calc(1px + 2em) } } /* x */';
  for (const found of [await kinds(code, 'css'), await kinds(`<style>${code}</style>`, 'html')]) {
    expect(found).toMatchObject({
      '@media': 'keyword',
      '.a': 'selector-class',
      '#b': 'selector-id',
      color: 'attribute',
      '#ff00aa': 'number',
      calc: 'built_in',
      '/* x */': 'comment',
    });
  }
});

test('a language that is not known has no colours', async () => {
  expect(await highlighted('x', 'constructor')).toBeNull();
});

test.each(['a:'.repeat(24_000), '#a'.repeat(24_000), '-'.repeat(48_000), 'a('.repeat(24_000)])(
  'an odd style sheet takes no noticeable time',
  async (code) => {
    const begin = performance.now();
    await highlighted(code, 'css');
    expect(performance.now() - begin).toBeLessThan(1000);
  },
);
