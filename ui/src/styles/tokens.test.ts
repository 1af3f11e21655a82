import { expect, test } from 'vitest';
import css from './tokens.css?raw';

const THEMES = ['light', 'dark'] as const;

function colour(name: string, theme: (typeof THEMES)[number]): string {
  const found = new RegExp(`--${name}: light-dark\\((#\\w{6}), (#\\w{6})\\)`).exec(css);
  const value = found?.[theme === 'light' ? 1 : 2];
  if (value === undefined) throw new Error(`no token --${name}`);
  return value;
}

/** Relative luminance (WCAG 2.2). */
function luminance(hex: string): number {
  const [r = 0, g = 0, b = 0] = [1, 3, 5].map((at) => {
    const value = Number.parseInt(hex.slice(at, at + 2), 16) / 255;
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

function contrast(a: string, b: string): number {
  const [low = 0, high = 0] = [luminance(a), luminance(b)].sort((x, y) => x - y);
  return (high + 0.05) / (low + 0.05);
}

const TEXTS = ['text', 'muted', 'accent', 'ready', 'pending', 'failed', 'violet', 'cyan'];
const SURFACES = ['page', 'surface', 'sunken', 'hover'];

test.each(THEMES)('every text can be read on every surface (%s)', (theme) => {
  const poor = TEXTS.flatMap((text) =>
    SURFACES.map((surface) => ({
      pair: `${text} on ${surface}`,
      ratio: contrast(colour(text, theme), colour(surface, theme)),
    })),
  ).filter(({ ratio }) => ratio < 4.5);
  expect(poor).toEqual([]);
});

test.each(THEMES)('every text can be read on its own soft background (%s)', (theme) => {
  const pairs = ['accent', 'ready', 'pending', 'failed'].flatMap((name) => [
    [name, `${name}-soft`],
    ['text', `${name}-soft`],
  ]);
  const poor = [...pairs, ['on-accent', 'accent'], ['muted', 'accent-soft']].filter(
    ([text = '', ground = '']) => contrast(colour(text, theme), colour(ground, theme)) < 4.5,
  );
  expect(poor).toEqual([]);
});

test.each(THEMES)('the edge of a control can be seen on every surface (%s)', (theme) => {
  const poor = SURFACES.filter(
    (surface) => contrast(colour('edge', theme), colour(surface, theme)) < 3,
  );
  expect(poor).toEqual([]);
});
