/** Samples of the machine as the server tells them, and how they are kept. Pure. */

import { grouped } from '$lib/grouped';

export interface SystemSample {
  timestamp: string;
  cpu_util_per_core: number[];
  mem_total_mb: number;
  mem_used_mb: number;
  swap_total_mb: number;
  swap_used_mb: number;
  load_avg_1: number;
  load_avg_5: number;
  load_avg_15: number;
  net_io: { name: string; bytes_recv: number; bytes_sent: number }[] | null;
  /** llama-swap does not tell. */
  disk_io?: { name: string; bytes_read: number; bytes_written: number }[] | null;
}

export interface GpuSample {
  timestamp: string;
  id: number;
  name: string;
  uuid: string;
  temp_c: number;
  vram_temp_c: number;
  gpu_util_pct: number;
  mem_util_pct: number;
  mem_used_mb: number;
  mem_total_mb: number;
  fan_speed_pct: number;
  power_draw_w: number;
}

/** The answer of `/api/performance`. */
export interface Answer {
  sys_stats: SystemSample[] | null;
  gpu_stats: GpuSample[] | null;
}

/** A sample and its time in milliseconds since the epoch. */
export type Timed<Sample> = Sample & { at: number };

export interface Samples {
  system: readonly Timed<SystemSample>[];
  /** By device, in the order of their numbers. */
  gpus: ReadonlyMap<number, readonly Timed<GpuSample>[]>;
}

export const NONE: Samples = { system: [], gpus: new Map() };

/** What is known after an answer; samples that are there already, and those before `oldest`, go. */
export function joined(known: Samples, answer: Answer, oldest: number): Samples {
  const more = grouped(answer.gpu_stats ?? [], ({ id }) => id);
  const ids = [...new Set([...known.gpus.keys(), ...more.keys()])].sort((a, b) => a - b);
  const gpus = ids.map((id) => {
    return [id, continued(known.gpus.get(id) ?? [], more.get(id) ?? [], oldest)] as const;
  });
  return {
    system: continued(known.system, answer.sys_stats ?? [], oldest),
    gpus: new Map(gpus.filter(([, samples]) => samples.length > 0)),
  };
}

function continued<Sample extends { timestamp: string }>(
  known: readonly Timed<Sample>[],
  more: readonly Sample[],
  oldest: number,
): Timed<Sample>[] {
  const newest = known.at(-1)?.at ?? Number.NEGATIVE_INFINITY;
  const fresh = more
    .map((sample) => ({ ...sample, at: Date.parse(sample.timestamp) }))
    .filter(({ at }) => at > newest);
  return [...known, ...fresh].filter(({ at }) => at >= oldest);
}

/** The time after which samples are wanted: no device may miss one. Null: nothing is known. */
export function knownUntil({ system, gpus }: Samples): number | null {
  const ends = [system, ...gpus.values()].flatMap((samples) => samples.at(-1)?.at ?? []);
  return ends.length === 0 ? null : Math.min(...ends);
}

/** Usual milliseconds between samples; `fallback` for as long as that cannot be told. */
export function spacing({ system, gpus }: Samples, fallback: number): number {
  const [samples = system] = [system, ...gpus.values()].sort((a, b) => b.length - a.length);
  const pauses = samples
    .slice(-20)
    .flatMap(({ at }, index, all) => (index === 0 ? [] : at - (all[index - 1]?.at ?? at)))
    .sort((a, b) => a - b);
  return pauses[Math.floor(pauses.length / 2)] ?? fallback;
}
