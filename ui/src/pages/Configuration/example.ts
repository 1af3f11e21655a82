/** The first configuration of somebody: what it looks like, and whether it would work. Pure. */

import { counted } from '$lib/format';

/** What the server knows of its machine (`/api/x/setup`). */
export interface Setup {
  windows: boolean;
  /** Where `llama-server` is; null: it is not to be found. */
  llama_server: string | null;
  /** Whether `hotbay llama-server` can be used in its place. */
  built_in: boolean;
  /** The first port for model servers. */
  port: number;
  port_free: boolean;
}

/** The least that a configuration needs. */
export function firstModel({ windows, llama_server, built_in }: Setup): string {
  const path = windows ? 'C:\\models\\my-model.gguf' : '/path/to/my-model.gguf';
  const own = built_in && llama_server === null;
  const program = own ? 'hotbay llama-server' : windows ? 'llama-server.exe' : 'llama-server';
  return `models:
  my-model:
    cmd: |
      ${program}
      --port \${PORT}
      --model ${path}
`;
}

export interface Finding {
  good: boolean;
  /** What was looked for. */
  name: string;
  words: string;
}

/** What was found; `gpus` are their names, null if nobody knows. */
export function findings(setup: Setup, gpus: readonly string[] | null): Finding[] {
  return [
    { name: 'Program', ...program(setup) },
    {
      name: `Port ${setup.port}`,
      good: setup.port_free,
      words: setup.port_free
        ? 'is free for the first model server'
        : 'is taken by another program; hotbay gives the next free ones',
    },
    ...(gpus === null ? [] : [{ name: 'GPU', ...graphics(gpus) }]),
  ];
}

function program({ llama_server, built_in }: Setup): Omit<Finding, 'name'> {
  if (llama_server !== null) return { good: true, words: `llama-server is ${llama_server}` };
  if (built_in) {
    return { good: true, words: 'hotbay llama-server, as llama-server itself is not on the path' };
  }
  return {
    good: false,
    words:
      'llama-server is not on the path: get llama.cpp, or hotbay with the extra llamacpp, which has one built in',
  };
}

function graphics(gpus: readonly string[]): Omit<Finding, 'name'> {
  if (gpus.length > 0)
    return {
      good: true,
      words: `${counted(gpus.length, 'is', 'are')} visible: ${gpus.join(', ')}`,
    };
  return { good: false, words: 'none is visible, so that models run on the processor' };
}
