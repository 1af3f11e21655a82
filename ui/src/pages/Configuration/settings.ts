/** The values in force, each with where it comes from. Pure. */

import { commandLine } from '../Models/details';

/** Where a value was written. */
export interface Origin {
  file: string;
  line: number;
  column: number;
  /** Macros that the text mentions. */
  macros: string[];
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
  const name = path.slice(base).join('.');
  const origin = origins[pointer(path)] ?? null;
  const above = path[0] === 'models' && path.length === 3 ? INHERITED[key] : undefined;
  if (origin === null && above !== undefined && origins[pointer([above])]) {
    return [{ name, value, origin: origins[pointer([above])] ?? null, from: above }];
  }
  return [{ name, value, origin, from: '' }];
}

/** The settings of the top that have no part of the page of their own. */
export function general(active: Record<string, unknown>, origins: Origins): Setting[] {
  return Object.entries(active)
    .filter(([name]) => name !== 'models')
    .flatMap(([name, value]) => below(value, [name], 0, origins));
}

/** A value as the file would say it. */
export function valueText(name: string, value: unknown): string {
  if (Array.isArray(value)) {
    if (name === 'cmd' || name === 'cmdStop') return commandLine(value.map(String));
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

/** Every word that is searched for occurs in the name or in the value, or in `around`. */
export function matches(setting: Setting, search: string, around = ''): boolean {
  const text =
    `${around}\n${setting.name}\n${valueText(setting.name, setting.value)}`.toLowerCase();
  return search
    .toLowerCase()
    .split(/\s+/)
    .every((word) => text.includes(word));
}

/** A file without the folders that all files share with the first. */
export function shortName(file: string): string {
  return file.split(/[/\\]/).at(-1) ?? file;
}

/** Macros that are written down themselves, with where; the others are filled in by hotbay. */
export function macroPlace(name: string, model: string, origins: Origins): Origin | undefined {
  return origins[pointer(['models', model, 'macros', name])] ?? origins[pointer(['macros', name])];
}

function isMapping(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
