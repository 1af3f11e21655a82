/** What the machine is made of, in words (spec/web-ui.md 12). Pure. */

import { capacity, count } from '$lib/format';

type Known<Value> = Value | null | undefined;

/** The answer of `/api/hardware`; what could not be detected is null. */
export interface Hardware {
  captured_at: Known<string>;
  architecture: Known<{ name: Known<string>; raw_name?: Known<string> }>;
  operating_system: Known<{
    family: Known<string>;
    name: Known<string>;
    version: Known<string>;
    kernel: Known<string>;
  }>;
  environment: Known<{ kind: Known<string>; name: Known<string>; version: Known<string> }>;
  cpu: Known<{
    vendor: Known<string>;
    model: Known<string>;
    socket_count: Known<number>;
    physical_core_count: Known<number>;
    logical_thread_count: Known<number>;
  }>;
  memory: Known<{ capacity_bytes: Known<number> }>;
  accelerators: Known<Accelerator[]>;
}

export interface Accelerator {
  index: number;
  kind: Known<string>;
  vendor: Known<string>;
  model: Known<string>;
  architecture: Known<string>;
  memory: Known<{ kind: Known<string>; capacity_bytes: Known<number> }>;
  driver: Known<{ name: Known<string>; version: Known<string> }>;
  power_limit_watts: Known<number>;
}

export interface Block {
  title: string;
  rows: { label: string; value: string }[];
}

const UNKNOWN = 'Not detected';

export function blocks(hardware: Hardware): Block[] {
  const { operating_system: os, environment, cpu } = hardware;
  const accelerators = hardware.accelerators ?? [];
  return [
    {
      title: 'System',
      rows: [
        { label: 'Operating system', value: capital(words(os?.name ?? os?.family, os?.version)) },
        { label: 'Kernel', value: words(os?.kernel) },
        { label: 'Architecture', value: words(hardware.architecture?.name) },
        { label: 'Environment', value: place(environment) },
        { label: 'Memory', value: capacity(hardware.memory?.capacity_bytes) },
      ],
    },
    {
      title: 'Processor',
      rows: [
        { label: 'Model', value: words(cpu?.model) },
        { label: 'Vendor', value: words(cpu?.vendor) },
        { label: 'Sockets', value: number(cpu?.socket_count) },
        { label: 'Physical cores', value: number(cpu?.physical_core_count) },
        { label: 'Logical threads', value: number(cpu?.logical_thread_count) },
      ],
    },
    ...accelerators.map((accelerator) => ({
      title: titleOf(accelerator, accelerators.length > 1),
      rows: ofAccelerator(accelerator),
    })),
  ];
}

/** Equal ones are told apart by their number. */
function titleOf({ model, kind, index }: Accelerator, several: boolean): string {
  if (!model) return `${capital(kind ?? 'GPU')} ${index + 1}`;
  return several ? `${index}: ${model}` : model;
}

function ofAccelerator({ vendor, kind, architecture, memory, driver, ...more }: Accelerator) {
  const size = capacity(memory?.capacity_bytes);
  return [
    {
      label: 'Kind',
      value: [vendor, kind && capital(kind)].filter(Boolean).join(' · ') || UNKNOWN,
    },
    { label: 'Architecture', value: words(architecture) },
    { label: 'Memory', value: memory?.kind && size !== UNKNOWN ? `${size}, ${memory.kind}` : size },
    { label: 'Driver', value: words(driver?.name, driver?.version) },
    {
      label: 'Power limit',
      value: more.power_limit_watts ? `${count(more.power_limit_watts)} W` : UNKNOWN,
    },
  ];
}

/** Whether hotbay sees only what a container may use. */
export function isContained({ environment }: Hardware): boolean {
  return environment?.kind === 'container';
}

/** The same as text for a report of a bug. */
export function asText(hardware: Hardware): string {
  return blocks(hardware)
    .map(({ title, rows }) => {
      const width = Math.max(...rows.map(({ label }) => label.length));
      const lines = rows.map(({ label, value }) => `  ${label.padEnd(width)}  ${value}`);
      return [title, ...lines].join('\n');
    })
    .join('\n\n')
    .concat('\n');
}

function place(environment: Hardware['environment']): string {
  const kind = environment?.kind;
  const name = words(environment?.name, environment?.version);
  if (!kind) return name;
  return name === UNKNOWN ? capital(kind) : `${capital(kind)} (${name})`;
}

function words(...parts: Known<string>[]): string {
  return parts.filter(Boolean).join(' ') || UNKNOWN;
}

function number(value: Known<number>): string {
  return value ? count(value) : UNKNOWN;
}

/** Words of the server such as `bare_metal`, `debian` and `gpu`. */
function capital(word: string): string {
  const text = word.replaceAll('_', ' ');
  return text === 'gpu' || text === 'npu'
    ? text.toUpperCase()
    : text.charAt(0).toUpperCase() + text.slice(1);
}
