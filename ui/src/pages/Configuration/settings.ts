/** The values in force, each with where it comes from. Pure. */

import { commandLine } from '../Models/details';

/** Where a value was written. */
export interface Origin {
  file: string;
  line: number;
  column: number;
  /** Macros that the text mentions. */
  macros: string[];
  /** Variables of the environment that it mentions. */
  variables: string[];
  /** Other files that add to a list. */
  also: { file: string; line: number }[];
}

/** By JSON pointer (RFC 6901). */
export type Origins = Record<string, Origin>;

export interface Written {
  files: string[];
  /** Changes of the files are noticed. */
  watched: boolean;
  values: Origins;
}

export interface Setting {
  /** From the part of the configuration that is shown, such as `timeouts.connect`. */
  name: string;
  pointer: string;
  value: unknown;
  /** Null: it is a default. */
  origin: Origin | null;
  /** The setting for all models that it is taken from, if it is not written for this one. */
  from: string;
}

export function pointer(path: readonly string[]): string {
  return path.map((part) => `/${part.replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');
}

/** Mappings whose keys are the user's own, or of no meaning to hotbay: they are told as a whole. */
const WHOLE = new Set([
  'setParams',
  'setParamsByID',
  'metadata',
  'labels',
  'planner',
  'pins',
  'priority',
]);

/** What models take from the top if they do not say it themselves. */
const INHERITED: Record<string, string> = {
  ttl: 'globalTTL',
  unloadTimeout: 'unloadTimeout',
  sendLoadingState: 'sendLoadingState',
  healthCheckTimeout: 'healthCheckTimeout',
};

/** All values below a path of the configuration in force. */
export function settingsOf(value: unknown, path: readonly string[], origins: Origins): Setting[] {
  return below(value, path, path.length, origins);
}

function below(value: unknown, path: readonly string[], base: number, origins: Origins): Setting[] {
  const key = path.at(-1) ?? '';
  if (
    isMapping(value) &&
    !WHOLE.has(key) &&
    (path.length === base || Object.keys(value).length > 0)
  ) {
    return Object.entries(value).flatMap(([name, member]) =>
      below(member, [...path, name], base, origins),
    );
  }
  const setting = { name: path.slice(base).join('.'), pointer: pointer(path), value };
  const origin = origins[setting.pointer] ?? null;
  const above = path[0] === 'models' && path.length === 3 ? INHERITED[key] : undefined;
  const inherited = above === undefined ? undefined : origins[pointer([above])];
  if (origin === null && inherited !== undefined) {
    return [{ ...setting, pointer: pointer([above ?? '']), origin: inherited, from: above ?? '' }];
  }
  return [{ ...setting, origin, from: '' }];
}

/** The settings of the top that have no part of the page of their own. */
export function general(active: Record<string, unknown>, origins: Origins): Setting[] {
  return Object.entries(active)
    .filter(([name]) => name !== 'models')
    .flatMap(([name, value]) => below(value, [name], 0, origins));
}

/** Characters of a command that is shown in one line. */
const SHORT = 72;

/** A command as one would type it, a line for each option if it is long. */
export function commandText(words: readonly string[]): string {
  const line = commandLine(words);
  if (line.length <= SHORT) return line;
  const lines: string[][] = [[]];
  for (const word of words) {
    if (/^-+[a-z]/i.test(word) && lines.at(-1)?.length) lines.push([]);
    lines.at(-1)?.push(word);
  }
  return lines.map(commandLine).join(' \\\n  ');
}

/** A value as the file would say it. */
export function valueText(name: string, value: unknown): string {
  if (Array.isArray(value)) {
    if (name === 'cmd' || name === 'cmdStop') return commandText(value.map(String));
    return value.map((item) => (isMapping(item) ? JSON.stringify(item) : String(item))).join('\n');
  }
  if (isMapping(value))
    return Object.keys(value).length === 0 ? '' : JSON.stringify(value, null, 2);
  return value === null || value === undefined ? '' : String(value);
}

/** Settings that were written, or all. */
export function shown(settings: readonly Setting[], defaults: boolean): Setting[] {
  return settings.filter(({ origin }) => defaults || origin !== null);
}

/** Every word that is searched for occurs in the name, the value, or its place, or in `around`. */
export function matches(setting: Setting, search: string, around = ''): boolean {
  const { name, value, origin } = setting;
  const place = origin ? [placeText(origin), ...origin.macros, ...origin.variables] : [];
  const text = [around, name, valueText(name, value), ...place].join('\n').toLowerCase();
  return search
    .toLowerCase()
    .split(/\s+/)
    .every((word) => text.includes(word));
}

/** A place, short: `config.yaml:12`. */
export function placeText({ file, line }: { file: string; line: number }): string {
  return `${shortName(file)}:${line}`;
}

/** A file without the folders that all files share with the first. */
export function shortName(file: string): string {
  return file.split(/[/\\]/).at(-1) ?? file;
}

/** Something in a text that stands for something else. */
export interface Mention {
  kind: 'macro' | 'variable';
  name: string;
  /** Where a macro is written; null: hotbay or the environment fills it in. */
  place: Origin | null;
}

/** What a value is made of, macros that are mentioned by macros included. */
export function mentions(setting: Setting, model: string, origins: Origins): Mention[] {
  const { origin } = setting;
  if (origin === null) return [];
  const below = `${setting.pointer}/`;
  const inside = isMapping(setting.value)
    ? Object.entries(origins).filter(([path]) => path.startsWith(below))
    : [];
  const found = new Map<string, Mention>();
  const todo = [origin, ...inside.map(([, each]) => each)];
  for (let next = todo.shift(); next !== undefined; next = todo.shift()) {
    for (const name of next.macros) {
      if (found.has(`macro ${name}`)) continue;
      const place = macroPlace(name, model, origins) ?? null;
      found.set(`macro ${name}`, { kind: 'macro', name, place });
      if (place) todo.push(place);
    }
    for (const name of next.variables) {
      found.set(`variable ${name}`, { kind: 'variable', name, place: null });
    }
  }
  return [...found.values()];
}

/** Where a macro is written; those that are not are filled in by hotbay. */
function macroPlace(name: string, model: string, origins: Origins): Origin | undefined {
  return origins[pointer(['models', model, 'macros', name])] ?? origins[pointer(['macros', name])];
}

function isMapping(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
