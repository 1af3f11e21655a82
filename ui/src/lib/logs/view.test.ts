import { expect, test } from 'vitest';
import { KEPT, type Line } from '$lib/live/lines';
import { EVERYTHING, LogView, patternOf, textOf, type Wish } from './view';

function lines(...texts: string[]): Line[] {
  return texts.map((text, index) => ({ number: index + 1, text, model: null }));
}

function shown(all: Line[], wish: Partial<Wish>): string[] {
  const view = new LogView();
  view.wish({ ...EVERYTHING, ...wish });
  view.push(all, true);
  return view.shown.map(({ text }) => text);
}

const PROXY = lines(
  '[INFO] Request 127.0.0.1 "GET /api/version HTTP/1.1" 200 70 "Mozilla/5.0" 1.2ms',
  '[INFO] Request 127.0.0.1 "GET /v1/models HTTP/1.1" 200 70 "Mozilla/5.0" 1.2ms',
  '[INFO] Request 127.0.0.1 "POST /v1/chat/completions HTTP/1.1" 200 70 "Mozilla/5.0" 1.2s',
  '2031-04-05T06:07:08Z [WARN] odd',
  '[ERROR] bad',
  '  where: without a level',
);

test('requests of the UI itself can be left out', () => {
  expect(shown(PROXY, { quiet: true })).toHaveLength(4);
  expect(shown(PROXY, { quiet: false })).toHaveLength(6);
});

test('a level leaves what is at least as grave, and lines without one', () => {
  expect(shown(PROXY, { level: 'WARN' })).toEqual([
    '2031-04-05T06:07:08Z [WARN] odd',
    '[ERROR] bad',
    '  where: without a level',
  ]);
});

test('lines in JSON have their level and their requests too', () => {
  const time = '"time": "2031-04-05T06:07:08.123456789+02:00"';
  const all = lines(
    `{${time}, "level": "info", "message": "Request ::1 \\"GET /ui/ HTTP/1.1\\" 200 7 \\"Mozilla/5.0\\" 1ms"}`,
    `{${time}, "level": "warn", "message": "[ERROR] is only said"}`,
  );
  expect(shown(all, { quiet: true })).toHaveLength(1);
  expect(shown(all, { level: 'WARN' })).toHaveLength(1);
  expect(shown(all, { level: 'ERROR' })).toHaveLength(0);
});

test('a pattern marks lines, or leaves only those', () => {
  const view = new LogView();
  view.push(lines('one', '\x1b[31mT\x1b[0mWO', 'three'), true);
  view.wish({ ...EVERYTHING, pattern: patternOf('two|three').pattern });
  expect([view.shown.length, view.hits]).toEqual([3, [1, 2]]);
  view.wish({ ...EVERYTHING, pattern: patternOf('two|three').pattern, only: true });
  expect([view.shown.length, view.hits]).toEqual([2, [0, 1]]);
});

test('what follows is judged like what was there', () => {
  const view = new LogView();
  view.wish({ ...EVERYTHING, pattern: /b/gi, only: true });
  view.push(lines('a', 'b'), true);
  view.push([{ number: 3, text: 'bb', model: 'm' }], false);
  expect(view.shown.map(({ number }) => number)).toEqual([2, 3]);
  expect(view.hits).toEqual([0, 1]);
  expect(view.models).toEqual(['m']);
});

test('one model can be looked at alone, and old lines cleared away', () => {
  const all: Line[] = [
    { number: 1, text: 'x', model: 'a' },
    { number: 2, text: 'y', model: 'b' },
    { number: 3, text: 'z', model: 'a' },
  ];
  expect(shown(all, { model: 'a' })).toEqual(['x', 'z']);
  expect(shown(all, { after: 2 })).toEqual(['z']);
});

test('no more lines are held than there is room for', () => {
  const view = new LogView();
  view.push(lines(...Array.from({ length: KEPT }, String)), true);
  view.push([{ number: KEPT + 1, text: 'last', model: null }], false);
  expect(view.shown).toHaveLength(KEPT);
  expect(view.shown.at(-1)?.text).toBe('last');
});

test('what was found stays where it is as the oldest lines go', () => {
  const view = new LogView();
  view.wish({ ...EVERYTHING, pattern: /^(0|5)$/g });
  view.push(lines(...Array.from({ length: KEPT }, (_, n) => String(n))), true);
  expect(view.hits).toEqual([0, 5]);
  view.push([{ number: KEPT + 1, text: '5', model: null }], false);
  expect(view.hits.map((index) => view.shown[index]?.text)).toEqual(['5', '5']);
});

test('what is copied says of which model it is where there are several', () => {
  const all = [
    { number: 1, text: '\x1b[31mx\x1b[0m', model: 'a' },
    { number: 2, text: 'own', model: null },
  ];
  expect(textOf(all, true)).toBe('a | x\nown\n');
  expect(textOf(all, false)).toBe('x\nown\n');
});

test('what is no pattern is told, in words', () => {
  expect(patternOf('(')).toMatchObject({
    pattern: null,
    error: expect.stringMatching(/^Not a pat/),
  });
  expect(patternOf('')).toEqual({ pattern: null });
});
