import { expect, test } from 'vitest';
import { findings, firstModel, type Setup } from './example';

const SETUP: Setup = {
  windows: false,
  llama_server: '/usr/bin/llama-server',
  built_in: true,
  port: 5800,
  port_free: true,
};

test('the example starts what is there', () => {
  const lines = (setup: Setup) =>
    firstModel(setup)
      .split('\n')
      .map((line) => line.trim());
  expect(lines(SETUP).slice(3, 5)).toEqual(['llama-server', `--port \${PORT}`]);
  expect(lines({ ...SETUP, llama_server: null })[3]).toBe('hotbay llama-server');
  expect(lines({ ...SETUP, llama_server: null, built_in: false })[3]).toBe('llama-server');
  expect(lines({ ...SETUP, windows: true })[3]).toBe('llama-server.exe');
});

test('what was looked for is said with its outcome', () => {
  expect(findings(SETUP, ['A', 'B']).map(({ good }) => good)).toEqual([true, true, true]);
  expect(findings(SETUP, ['A', 'B'])[2]?.words).toBe('2 are visible: A, B');
  expect(findings(SETUP, null)).toHaveLength(2);
  const poor = { ...SETUP, llama_server: null, built_in: false, port_free: false };
  expect(findings(poor, []).map(({ good }) => good)).toEqual([false, false, false]);
  expect(findings({ ...poor, built_in: true }, [])[0]).toMatchObject({ good: true });
});
