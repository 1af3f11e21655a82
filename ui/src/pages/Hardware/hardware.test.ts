import { expect, test } from 'vitest';
import { asText, blocks, type Hardware, isContained } from './hardware';

const NOTHING: Hardware = {
  captured_at: null,
  architecture: null,
  operating_system: null,
  environment: null,
  cpu: null,
  memory: null,
  accelerators: null,
};

const MACHINE: Hardware = {
  captured_at: '2031-04-05T06:07:08Z',
  architecture: { name: 'x86_64' },
  operating_system: { family: 'linux', name: 'Debian', version: '14', kernel: '7.1.2' },
  environment: { kind: 'container', name: 'Docker', version: null },
  cpu: {
    vendor: 'AMD',
    model: 'Ryzen 9',
    socket_count: 1,
    physical_core_count: 16,
    logical_thread_count: 32,
  },
  memory: { capacity_bytes: 64 * 2 ** 30 },
  accelerators: [
    {
      index: 0,
      kind: 'gpu',
      vendor: 'NVIDIA',
      model: 'RTX 5090',
      architecture: 'Blackwell',
      memory: { kind: 'dedicated', capacity_bytes: 32 * 2 ** 30 },
      driver: { name: 'nvidia', version: '600.1' },
      power_limit_watts: 575,
    },
    {
      index: 1,
      kind: 'gpu',
      vendor: null,
      model: null,
      architecture: null,
      memory: null,
      driver: null,
      power_limit_watts: null,
    },
  ],
};

test('each part of the machine has a block, each accelerator its own', () => {
  const found = blocks(MACHINE);
  expect(found.map(({ title }) => title)).toEqual(['System', 'Processor', '0: RTX 5090', 'GPU 2']);
  expect(found[0]?.rows.map(({ value }) => value)).toEqual([
    'Debian 14',
    '7.1.2',
    'x86_64',
    'Container (Docker)',
    '64.0 GiB',
  ]);
  expect(found[2]?.rows.map(({ value }) => value)).toEqual([
    'NVIDIA · GPU',
    'Blackwell',
    '32.0 GiB, dedicated',
    'nvidia 600.1',
    '575 W',
  ]);
});

test('what could not be detected is called so', () => {
  const values = [NOTHING, { ...MACHINE, accelerators: MACHINE.accelerators?.slice(1) }]
    .flatMap((hardware) => blocks(hardware as Hardware).at(-1)?.rows ?? [])
    .map(({ value }) => value)
    .filter((value) => value !== 'GPU');
  expect(new Set(values)).toEqual(new Set(['Not detected']));
});

test('a container is told, because it may not see everything', () => {
  expect([isContained(MACHINE), isContained(NOTHING)]).toEqual([true, false]);
});

test('the text has the same in columns', () => {
  expect(asText(MACHINE)).toContain(
    'Processor\n  Model            Ryzen 9\n  Vendor           AMD\n',
  );
});
