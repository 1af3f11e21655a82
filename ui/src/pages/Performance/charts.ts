/** Which charts there are, and what each shows. Pure. */

import { aligned, type Curve, type Measured, type Series } from '$lib/charts/series';
import type { GpuSample, Samples, SystemSample, Timed } from './samples';

export interface ChartOf {
  id: string;
  title: string;
  series: Series;
  /** The end of the vertical axis, if it is always the same. */
  top?: number;
  write: (value: number) => string;
}

export interface Charts {
  gpus: ChartOf[];
  system: ChartOf[];
}

type Line = Omit<Curve, 'values'> & { points: Measured[] };

const MIB_PER_GIB = 1024;
const INTERFACES = 4; // the busiest ones are shown

const percent = (value: number) => `${value.toFixed(value < 10 && value % 1 !== 0 ? 1 : 0)} %`;
const gib = (value: number) => `${value.toFixed(value < 10 ? 2 : 1)} GiB`;
const celsius = (value: number) => `${value.toFixed(0)} °C`;
const watts = (value: number) => `${value.toFixed(0)} W`;
const plain = (value: number) => value.toFixed(2);
const rate = (unit: string) => (value: number) =>
  `${value.toFixed(value < 10 ? (value < 0.1 ? 2 : 1) : 0)} ${unit}`;

/** `longest`: milliseconds between samples that are a gap; `cores`: each core has its curve. */
export function charts(samples: Samples, longest: number, cores: boolean): Charts {
  return { gpus: ofGpus(samples, longest), system: ofSystem(samples.system, longest, cores) };
}

function ofGpus({ gpus }: Samples, longest: number): ChartOf[] {
  const devices = [...gpus].map(([id, all]) => {
    const name = all[0]?.name ?? '';
    return { label: gpus.size === 1 ? name || 'GPU' : `${id}: ${name}`, all };
  });
  type Value = (sample: GpuSample) => number;
  const each = (value: Value, more: Partial<Line> & { suffix?: string } = {}): Line[] =>
    devices.map(({ label, all }, colour) => ({
      label: label + (more.suffix ?? ''),
      colour,
      ...(more.dashed ? { dashed: true } : {}),
      points: all.map((sample) => ({ at: sample.at, value: value(sample) })),
    }));
  const chart = (
    id: string,
    title: string,
    write: ChartOf['write'],
    lines: Line[],
    top?: number,
  ) => ({
    id,
    title,
    write,
    series: aligned(lines, longest),
    ...(top === undefined ? {} : { top }),
  });
  const all = devices.flatMap((device) => device.all);
  if (all.length === 0) return [];
  const total = Math.max(...all.map(({ mem_total_mb }) => mem_total_mb)) / MIB_PER_GIB;
  const found = [
    chart(
      'gpu-use',
      'Use',
      percent,
      each((s) => s.gpu_util_pct),
      100,
    ),
    chart(
      'gpu-memory',
      'Video memory',
      gib,
      each((s) => s.mem_used_mb / MIB_PER_GIB),
      total,
    ),
    chart('gpu-temperature', 'Temperature', celsius, [
      ...each((s) => s.temp_c),
      ...(all.some(({ vram_temp_c }) => vram_temp_c > 0)
        ? each((s) => s.vram_temp_c, { dashed: true, suffix: ', memory' })
        : []),
    ]),
    chart(
      'gpu-power',
      'Power',
      watts,
      each((s) => s.power_draw_w),
    ),
  ];
  if (all.some(({ fan_speed_pct }) => fan_speed_pct > 0)) {
    found.push(
      chart(
        'gpu-fan',
        'Fan',
        percent,
        each((s) => s.fan_speed_pct),
        100,
      ),
    );
  }
  return found;
}

function ofSystem(
  samples: readonly Timed<SystemSample>[],
  longest: number,
  cores: boolean,
): ChartOf[] {
  if (samples.length === 0) return [];
  const line = (
    label: string,
    colour: number,
    value: (sample: SystemSample) => number | null,
    more: Partial<Line> = {},
  ): Line => ({
    label,
    colour,
    ...more,
    points: samples.map((sample) => ({ at: sample.at, value: value(sample) })),
  });
  const memory = Math.max(...samples.map(({ mem_total_mb }) => mem_total_mb)) / MIB_PER_GIB;
  const swap = samples.some(({ swap_total_mb }) => swap_total_mb > 0);
  const found: ChartOf[] = [
    {
      id: 'cpu',
      title: 'Processor',
      write: percent,
      top: 100,
      series: aligned(cores ? eachCore(samples, line) : allCores(line), longest),
    },
    {
      id: 'memory',
      title: 'Memory',
      write: gib,
      top: memory,
      series: aligned(
        [
          line('Used', 0, (s) => s.mem_used_mb / MIB_PER_GIB),
          ...(swap ? [line('Swap', 1, (s) => s.swap_used_mb / MIB_PER_GIB, { dashed: true })] : []),
        ],
        longest,
      ),
    },
    {
      id: 'load',
      title: 'Load average',
      write: plain,
      series: aligned(
        [
          line('1 min', 0, (s) => s.load_avg_1),
          line('5 min', 1, (s) => s.load_avg_5),
          line('15 min', 2, (s) => s.load_avg_15),
        ],
        longest,
      ),
    },
  ];
  const network = rates(samples, ({ net_io }) =>
    (net_io ?? []).map(({ name, bytes_recv, bytes_sent }) => [name, bytes_recv, bytes_sent]),
  );
  const disk = rates(samples, ({ disk_io }) =>
    (disk_io ?? []).map(({ name, bytes_read, bytes_written }) => [name, bytes_read, bytes_written]),
  );
  const flow = (
    id: string,
    title: string,
    unit: string,
    flows: Flow[],
    words: string[],
    by: number,
  ) => {
    if (flows.length === 0) return;
    const lines = flows.flatMap(({ name, first, second }, colour) => [
      { label: `${name} ${words[0]}`, colour, points: scaled(first, by) },
      { label: `${name} ${words[1]}`, colour, dashed: true, points: scaled(second, by) },
    ]);
    found.push({ id, title, write: rate(unit), series: aligned(lines, longest) });
  };
  flow('network', 'Network', 'Mbit/s', network, ['in', 'out'], 8 / 1e6);
  flow('disk', 'Disks', 'MB/s', disk, ['read', 'written'], 1 / 1e6);
  return found;
}

type LineOf = (
  label: string,
  colour: number,
  value: (sample: SystemSample) => number | null,
  more?: Partial<Line>,
) => Line;

function allCores(line: LineOf): Line[] {
  const mean = (all: number[]) => all.reduce((sum, value) => sum + value, 0) / all.length;
  const of = (how: (all: number[]) => number) => (sample: SystemSample) =>
    sample.cpu_util_per_core.length === 0 ? null : how(sample.cpu_util_per_core);
  return [
    line(
      'Busiest core',
      0,
      of((all) => Math.max(...all)),
      { edge: true },
    ),
    line(
      'Idlest core',
      0,
      of((all) => Math.min(...all)),
      { edge: true },
    ),
    line('Mean of all cores, from idlest to busiest', 0, of(mean)),
  ];
}

function eachCore(samples: readonly SystemSample[], line: LineOf): Line[] {
  const count = Math.max(...samples.map(({ cpu_util_per_core }) => cpu_util_per_core.length));
  return Array.from({ length: count }, (_, core) =>
    line(`Core ${core}`, core, (s) => s.cpu_util_per_core[core] ?? null),
  );
}

/** Bytes per second of something that counts two kinds of bytes. */
interface Flow {
  name: string;
  first: Measured[];
  second: Measured[];
}

function scaled(points: readonly Measured[], by: number): Measured[] {
  return points.map(({ at, value }) => ({ at, value: value === null ? null : value * by }));
}

/** Rates from counters, of what moved most bytes. A counter that begins anew tells no rate. */
export function rates(
  samples: readonly Timed<SystemSample>[],
  counters: (sample: SystemSample) => (readonly [string, number, number])[],
): Flow[] {
  const flows = new Map<string, Flow & { bytes: number }>();
  let before = new Map<string, { at: number; counts: readonly [string, number, number] }>();
  for (const sample of samples) {
    const present: typeof before = new Map();
    for (const counts of counters(sample)) {
      const [name, first, second] = counts;
      present.set(name, { at: sample.at, counts });
      const old = before.get(name);
      if (old === undefined) continue;
      const flow = flows.get(name) ?? { name, first: [], second: [], bytes: 0 };
      flows.set(name, flow);
      const by = [first - old.counts[1], second - old.counts[2]] as const;
      const seconds = (sample.at - old.at) / 1000;
      const value = (count: number) => (count < 0 ? null : count / seconds);
      flow.first.push({ at: sample.at, value: value(by[0]) });
      flow.second.push({ at: sample.at, value: value(by[1]) });
      flow.bytes += Math.max(0, by[0]) + Math.max(0, by[1]);
    }
    before = present;
  }
  const busiest = [...flows.values()].filter(({ bytes }) => bytes > 0);
  return busiest.sort((a, b) => b.bytes - a.bytes).slice(0, INTERFACES);
}
