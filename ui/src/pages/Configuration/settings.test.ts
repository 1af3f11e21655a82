import { expect, test } from 'vitest';
import {
  commandText,
  general,
  matches,
  mentions,
  type Origins,
  pointer,
  settingsOf,
  shortName,
  shown,
  valueText,
} from './settings';

const at = (line: number, ...macros: string[]) => ({
  file: '/etc/c.yaml',
  line,
  column: 1,
  macros,
  variables: [] as string[],
  also: [],
});

const ORIGINS: Origins = {
  '/globalTTL': at(1),
  '/macros/root': { ...at(3), variables: ['HOME'] },
  '/macros/server': at(2),
  '/models/org~1a/cmd': at(5, 'server', 'PORT'),
  '/models/org~1a/timeouts': at(6),
  '/models/org~1a/timeouts/connect': at(7),
  '/models/org~1a/metadata': at(8),
  '/models/org~1a/metadata/any': at(8, 'root'),
  '/models/org~1a/macros/server': at(9, 'root', 'server'),
};

const MODEL = {
  cmd: ['llama-server', '--alias', 'my model'],
  ttl: 600,
  unloadTimeout: 10,
  aliases: [],
  timeouts: { connect: 5, keepalive: 30 },
  metadata: { any: { thing: 1 } },
  filters: { setParams: {} },
};

const named = (name: string) => {
  const found = settingsOf(MODEL, ['models', 'org/a'], ORIGINS).find((s) => s.name === name);
  if (found === undefined) throw new Error(`no setting ${name}`);
  return found;
};

test('a pointer may lead through names with any characters', () => {
  expect(pointer(['models', 'a~b/c'])).toBe('/models/a~0b~1c');
  expect(pointer([])).toBe('');
});

test('each value has the line in which it was written', () => {
  expect(named('cmd').origin?.line).toBe(5);
  expect(named('timeouts.connect').origin?.line).toBe(7);
  expect(named('timeouts.keepalive').origin).toBeNull();
  expect(named('aliases').origin).toBeNull();
});

test('what is not written for the model may come from the top', () => {
  expect(named('ttl')).toMatchObject({ from: 'globalTTL', origin: { line: 1 } });
  expect(named('unloadTimeout')).toMatchObject({ from: '', origin: null });
});

test('mappings with keys of the user are one value', () => {
  expect(named('metadata')).toMatchObject({ value: { any: { thing: 1 } }, origin: { line: 8 } });
  expect(named('filters.setParams').value).toEqual({});
});

test('the settings of the top leave out the models', () => {
  const active = {
    globalTTL: 600,
    models: { a: {} },
    routing: { router: { use: 'group' } },
    peers: {},
  };
  expect(general(active, ORIGINS).map(({ name, origin }) => [name, origin?.line])).toEqual([
    ['globalTTL', 1],
    ['routing.router.use', undefined],
    ['peers', undefined],
  ]);
});

test('defaults are shown only to those who want them', () => {
  const all = settingsOf(MODEL, ['models', 'org/a'], ORIGINS);
  expect(shown(all, true)).toHaveLength(all.length);
  expect(shown(all, false).map(({ name }) => name)).toEqual([
    'cmd',
    'ttl',
    'timeouts.connect',
    'metadata',
  ]);
});

test('values are told as the file would say them', () => {
  expect(valueText('cmd', MODEL.cmd)).toBe("llama-server --alias 'my model'");
  expect(valueText('aliases', ['a', 'b'])).toBe('a\nb');
  expect(valueText('ttl', 0)).toBe('0');
  expect(valueText('tools', false)).toBe('false');
  expect(valueText('x', null)).toBe('');
  expect(valueText('setParams', {})).toBe('');
  expect(valueText('setParams', { a: 1 })).toBe('{\n  "a": 1\n}');
});

test('every word that is searched for has to occur', () => {
  expect(matches(named('cmd'), 'SERVER my')).toBe(true);
  expect(matches(named('cmd'), 'server org/a')).toBe(false);
  expect(matches(named('cmd'), 'server org/a', 'org/a')).toBe(true);
});

test('what a value is made of is told, through macros and in all of a mapping', () => {
  const told = (name: string, model: string) =>
    mentions(named(name), model, ORIGINS).map(({ kind, name, place }) => [kind, name, place?.line]);
  expect(told('cmd', 'org/a')).toEqual([
    ['macro', 'server', 9],
    ['macro', 'PORT', undefined],
    ['macro', 'root', 3],
    ['variable', 'HOME', undefined],
  ]);
  expect(told('cmd', 'another')[0]).toEqual(['macro', 'server', 2]);
  expect(told('metadata', 'org/a')).toEqual([
    ['macro', 'root', 3],
    ['variable', 'HOME', undefined],
  ]);
  expect(told('aliases', 'org/a')).toEqual([]);
});

test('a long command has a line for each option', () => {
  const words = ['serve', '--models', '/srv/with a space', '-v', '--offset', '-5', 'last'];
  expect(commandText(words.slice(0, 3))).toBe("serve --models '/srv/with a space'");
  expect(commandText([...words, '--padding', 'x'.repeat(60)])).toBe(
    `serve \\\n  --models '/srv/with a space' \\\n  -v \\\n  --offset -5 last \\\n  --padding ${'x'.repeat(60)}`,
  );
});

test('a search finds places, macros and variables', () => {
  expect(matches(named('cmd'), 'c.yaml:5')).toBe(true);
  expect(matches(named('cmd'), 'port')).toBe(true);
  expect(matches(named('aliases'), 'c.yaml')).toBe(false);
});

test('files are called by their last part', () => {
  expect(['/etc/hotbay/c.yaml', 'c.yaml', 'C:\\x\\c.yaml'].map(shortName)).toEqual(
    Array(3).fill('c.yaml'),
  );
});
