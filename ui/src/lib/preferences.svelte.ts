/** What this browser remembers of its user's wishes: owns the storage of all of them. */

import { untrack } from 'svelte';

const PREFIX = 'hotbay.';

/** Tells whether a value that was stored is one of ours; anything may have happened to it. */
export type Check<Value> = (value: unknown) => value is Value;

const all = new Map<string, Preference<unknown>>();

/** Counts changes, as the browser's storage tells nobody of them. */
let changes = $state(0);

function changed(): void {
  untrack(() => {
    changes += 1;
  });
}

export class Preference<Value> {
  #value = $state.raw() as Value;

  constructor(
    readonly name: string,
    readonly fallback: Value,
    private readonly check: Check<Value>,
  ) {
    this.#value = this.#stored(localStorage.getItem(PREFIX + name));
    all.set(name, this as Preference<unknown>);
  }

  get value(): Value {
    return this.#value;
  }

  set value(value: Value) {
    this.#value = value;
    localStorage.setItem(PREFIX + this.name, JSON.stringify(value));
    changed();
  }

  reset(): void {
    this.#value = this.fallback;
    localStorage.removeItem(PREFIX + this.name);
  }

  /** Takes what another tab has stored. */
  reread(text: string | null): void {
    this.#value = this.#stored(text);
  }

  #stored(text: string | null): Value {
    if (text === null) return this.fallback;
    try {
      const value: unknown = JSON.parse(text);
      return this.check(value) ? value : this.fallback;
    } catch {
      return this.fallback;
    }
  }
}

export function flag(name: string, fallback: boolean): Preference<boolean> {
  return new Preference(name, fallback, (value): value is boolean => typeof value === 'boolean');
}

export function text(name: string, fallback: string): Preference<string> {
  return new Preference(name, fallback, (value): value is string => typeof value === 'string');
}

export function number(
  name: string,
  fallback: number,
  lowest = Number.NEGATIVE_INFINITY,
  highest = Number.POSITIVE_INFINITY,
): Preference<number> {
  return new Preference(
    name,
    fallback,
    (value): value is number => typeof value === 'number' && value >= lowest && value <= highest,
  );
}

export function oneOf<const Value extends string | number>(
  name: string,
  values: readonly Value[],
  fallback: NoInfer<Value>,
): Preference<Value> {
  return new Preference<Value>(name, fallback, (value): value is Value =>
    (values as readonly unknown[]).includes(value),
  );
}

/** All that is remembered, also by pages that were not visited, as it goes into a file. */
export function exported(): Record<string, unknown> {
  void changes; // whoever shows it learns of them
  return Object.fromEntries(
    stored().map((name) => [name, parsed(localStorage.getItem(PREFIX + name) ?? 'null')]),
  );
}

/** Takes over what was exported; a value that is not one of ours is found out when it is read. */
export function imported(values: Record<string, unknown>): void {
  for (const [name, value] of Object.entries(values)) {
    const text = JSON.stringify(value);
    localStorage.setItem(PREFIX + name, text);
    all.get(name)?.reread(text);
  }
  changed();
}

export function resetAll(): void {
  for (const name of stored()) localStorage.removeItem(PREFIX + name);
  for (const preference of all.values()) preference.reset();
  changed();
}

function stored(): string[] {
  return Object.keys(localStorage)
    .filter((key) => key.startsWith(PREFIX))
    .map((key) => key.slice(PREFIX.length))
    .sort();
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

window.addEventListener('storage', ({ key, newValue }) => {
  if (!key?.startsWith(PREFIX)) return;
  all.get(key.slice(PREFIX.length))?.reread(newValue);
  changed();
});
