/** Colours and styles of terminal output (ECMA-48 SGR) as spans. Pure. */

export interface Style {
  /** 0–15: of the theme's palette; else a colour as CSS has it; null: the default. */
  front: number | string | null;
  back: number | string | null;
  bold: boolean;
  italic: boolean;
  underline: boolean;
  strike: boolean;
}

export interface Span {
  text: string;
  style: Style;
}

export const PLAIN: Style = {
  front: null,
  back: null,
  bold: false,
  italic: false,
  underline: false,
  strike: false,
};

// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const ESCAPE = /\x1b(?:\[([\d;:?<=>]*)([@-~])|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\^_])/g;

/** Cuts a line into pieces of one style each; other sequences than those of style are left out. */
export function spans(line: string): Span[] {
  const found: Span[] = [];
  let style = PLAIN;
  let at = 0;
  const add = (text: string) => {
    if (text === '') return;
    const last = found.at(-1);
    if (last !== undefined && last.style === style) last.text += text;
    else found.push({ text, style });
  };
  for (const match of line.matchAll(ESCAPE)) {
    add(line.slice(at, match.index));
    at = match.index + match[0].length;
    if (match[2] === 'm') style = applied(style, match[1] ?? '');
  }
  add(line.slice(at));
  return found;
}

/** A line without any of its sequences, to be searched and copied. */
export function plain(line: string): string {
  return line.includes('\x1b') ? line.replaceAll(ESCAPE, '') : line;
}

function applied(old: Style, parameters: string): Style {
  const codes = parameters.split(/[;:]/).map(Number);
  let style = { ...old };
  for (let at = 0; at < codes.length; at += 1) {
    const code = codes[at] ?? 0;
    if (code === 0) style = { ...PLAIN };
    else if (code === 1) style.bold = true;
    else if (code === 3) style.italic = true;
    else if (code === 4) style.underline = true;
    else if (code === 9) style.strike = true;
    else if (code === 22) style.bold = false;
    else if (code === 23) style.italic = false;
    else if (code === 24) style.underline = false;
    else if (code === 29) style.strike = false;
    else if (code >= 30 && code <= 37) style.front = code - 30;
    else if (code >= 90 && code <= 97) style.front = code - 82;
    else if (code >= 40 && code <= 47) style.back = code - 40;
    else if (code >= 100 && code <= 107) style.back = code - 92;
    else if (code === 39) style.front = null;
    else if (code === 49) style.back = null;
    else if (code === 38 || code === 48) {
      const [colour, used] = extended(codes.slice(at + 1));
      if (code === 38) style.front = colour;
      else style.back = colour;
      at += used;
    }
  }
  return same(style, PLAIN) ? PLAIN : style;
}

/** The colour of `38;…` and `48;…`, and how many numbers it takes. */
function extended(codes: readonly number[]): [Style['front'], number] {
  const [kind, a = 0, b = 0, c = 0] = codes;
  if (kind === 2) return [rgb(a, b, c), 4];
  if (kind !== 5) return [null, codes.length];
  if (a < 16) return [a, 2];
  if (a < 232) {
    const level = (step: number) => (step === 0 ? 0 : 55 + 40 * step);
    const cube = a - 16;
    return [rgb(level(Math.floor(cube / 36)), level(Math.floor(cube / 6) % 6), level(cube % 6)), 2];
  }
  const grey = 8 + 10 * (Math.min(a, 255) - 232);
  return [rgb(grey, grey, grey), 2];
}

function rgb(...parts: number[]): string {
  return `rgb(${parts.map((part) => Math.max(0, Math.min(255, part))).join(' ')})`;
}

function same(a: Style, b: Style): boolean {
  return (Object.keys(a) as (keyof Style)[]).every((key) => a[key] === b[key]);
}

/** How bright a colour is, 0 to 1, by which dark or light text goes on it. */
export function brightness(colour: number | string): number {
  const [r = 0, g = 0, b = 0] =
    typeof colour === 'number'
      ? (PALETTE[colour] ?? [0, 0, 0])
      : (colour.match(/\d+/g) ?? []).map(Number);
  return (0.299 * r + 0.587 * g + 0.114 * b) / 255;
}

/** The sixteen colours as backgrounds, in both themes. */
const PALETTE: readonly [number, number, number][] = [
  [40, 44, 52],
  [190, 40, 40],
  [35, 130, 65],
  [160, 110, 0],
  [40, 90, 190],
  [140, 60, 160],
  [0, 125, 140],
  [200, 205, 212],
  [100, 108, 120],
  [235, 90, 85],
  [90, 190, 120],
  [225, 180, 60],
  [110, 160, 245],
  [200, 130, 220],
  [70, 190, 205],
  [245, 247, 250],
];

export function backgroundOf(colour: number | string): string {
  return typeof colour === 'string' ? colour : rgb(...(PALETTE[colour] ?? [0, 0, 0]));
}
