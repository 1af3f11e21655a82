import { expect, test } from 'vitest';
import { charts, rates } from './charts';
import {
  type GpuSample,
  joined,
  knownUntil,
  NONE,
  type SystemSample,
  spacing,
  type Timed,
} from './samples';

const T0 = Date.parse('2031-04-05T06:00:00Z');
const at = (seconds: number) => new Date(T0 + seconds * 1000).toISOString();

function system(seconds: number, more: Partial<SystemSample> = {}): SystemSample {
  return {
    timestamp: at(seconds),
    cpu_util_per_core: [10, 30],
    mem_total_mb: 2048,
    mem_used_mb: 1024,
    swap_total_mb: 0,
    swap_used_mb: 0,
    load_avg_1: 1,
    load_avg_5: 2,
    load_avg_15: 3,
    net_io: [],
    ...more,
  };
}

function gpu(seconds: number, id: number, more: Partial<GpuSample> = {}): GpuSample {
  return {
    timestamp: at(seconds),
    id,
    name: 'RTX',
    uuid: '',
    temp_c: 50,
    vram_temp_c: 0,
    gpu_util_pct: 20,
    mem_util_pct: 50,
    mem_used_mb: 4096,
    mem_total_mb: 8192,
    fan_speed_pct: 0,
    power_draw_w: 100,
    ...more,
  };
}

const titles = (all: { title: string }[]) => all.map(({ title }) => title);

test('an answer adds what is new of each device, and no sample twice', () => {
  const first = joined(
    NONE,
    { sys_stats: [system(0), system(5)], gpu_stats: [gpu(0, 0), gpu(1, 1)] },
    T0,
  );
  expect(knownUntil(first)).toBe(T0);
  const next = { sys_stats: [system(5), system(10)], gpu_stats: [gpu(0, 0), gpu(6, 0), gpu(6, 1)] };
  const both = joined(first, next, T0);
  expect(both.system.map((sample) => (sample.at - T0) / 1000)).toEqual([0, 5, 10]);
  expect([...both.gpus.values()].map((all) => all.length)).toEqual([2, 2]);
});

test('what is older than wanted goes, and a device with nothing left too', () => {
  const known = joined(NONE, { sys_stats: [system(0), system(99)], gpu_stats: [gpu(0, 0)] }, T0);
  const later = joined(known, { sys_stats: null, gpu_stats: null }, T0 + 50_000);
  expect(later.system).toHaveLength(1);
  expect(later.gpus.size).toBe(0);
});

test('the usual pause between samples is told, whatever one outage was', () => {
  const known = joined(
    NONE,
    { sys_stats: [0, 7, 14, 90, 97].map((s) => system(s)), gpu_stats: [] },
    T0,
  );
  expect(spacing(known, 5000)).toBe(7000);
  expect(spacing(NONE, 5000)).toBe(5000);
});

test('there are charts only of what the machine has', () => {
  const bare = joined(NONE, { sys_stats: [system(0)], gpu_stats: [] }, T0);
  const found = charts(bare, 15_000, false);
  expect(titles(found.system)).toEqual(['Processor', 'Memory', 'Load average']);
  expect(found.gpus).toEqual([]);
  const one = { sys_stats: [], gpu_stats: [gpu(0, 0)] };
  const warm = { sys_stats: [], gpu_stats: [gpu(0, 0, { fan_speed_pct: 30, vram_temp_c: 70 })] };
  expect(titles(charts(joined(NONE, one, T0), 15_000, false).gpus)).toEqual([
    'Use',
    'Video memory',
    'Temperature',
    'Power',
  ]);
  const more = charts(joined(NONE, warm, T0), 15_000, false).gpus;
  expect(titles(more)).toContain('Fan');
  expect(more[2]?.series.curves.map(({ label }) => label)).toEqual(['RTX', 'RTX, memory']);
});

test('two equal cards are told apart, and stand at the times of their samples', () => {
  const stats = [gpu(0, 0), gpu(2, 1), gpu(5, 0, { gpu_util_pct: 90 })];
  const [use, memory] = charts(
    joined(NONE, { sys_stats: [], gpu_stats: stats }, T0),
    15_000,
    false,
  ).gpus;
  expect(use?.series.curves.map(({ label }) => label)).toEqual(['0: RTX', '1: RTX']);
  expect(use?.series.curves.map(({ values }) => values)).toEqual([
    [20, undefined, 90],
    [undefined, 20, undefined],
  ]);
  expect(memory?.top).toBe(8);
});

test('cores are a band and their mean, or each a curve', () => {
  const known = joined(NONE, { sys_stats: [system(0)], gpu_stats: [] }, T0);
  const values = (cores: boolean) =>
    charts(known, 15_000, cores).system[0]?.series.curves.map((curve) => curve.values[0]);
  expect(values(false)).toEqual([30, 10, 20]);
  expect(values(true)).toEqual([10, 30]);
});

test('a counter that begins anew tells no rate, and what never moved is left out', () => {
  const counts = [
    [0, 1000, 0],
    [5, 2000, 500],
    [10, 100, 600],
  ] as const;
  const samples: Timed<SystemSample>[] = counts.map(([seconds, bytes_recv, bytes_sent]) => ({
    ...system(seconds, {
      net_io: [
        { name: 'eth0', bytes_recv, bytes_sent },
        { name: 'still', bytes_recv: 5, bytes_sent: 5 },
      ],
    }),
    at: T0 + seconds * 1000,
  }));
  const found = rates(samples, ({ net_io }) =>
    (net_io ?? []).map(({ name, bytes_recv, bytes_sent }) => [name, bytes_recv, bytes_sent]),
  );
  expect(found.map(({ name }) => name)).toEqual(['eth0']);
  expect(found[0]?.first.map(({ value }) => value)).toEqual([200, null]);
  expect(found[0]?.second.map(({ value }) => value)).toEqual([100, 20]);
});
