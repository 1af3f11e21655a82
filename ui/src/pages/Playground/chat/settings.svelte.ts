/** What the user wishes of answers: owns these preferences of the browser. */

import { flag, oneOf, Preference, text } from '$lib/preferences.svelte';
import type { Sampling, Wishes } from './body';
import { ENDPOINTS } from './pieces';

export const EFFORTS = ['', 'minimal', 'low', 'medium', 'high'] as const;

const NO_SAMPLING: Sampling = {
  temperature: null,
  top_p: null,
  top_k: null,
  min_p: null,
  repeat_penalty: null,
  presence_penalty: null,
  frequency_penalty: null,
  seed: null,
  max_tokens: null,
};

export const endpoint = oneOf('playground.chat.endpoint', ENDPOINTS, 'v1/chat/completions');
export const system = text('playground.chat.system', '');
export const stop = text('playground.chat.stop', '');
export const effort = oneOf('playground.chat.effort', EFFORTS, '');
export const more = text('playground.chat.more', '');
/** Pictures are made smaller before they are sent. */
export const shrink = flag('playground.chat.shrink', true);
export const sampling = new Preference('playground.chat.sampling', NO_SAMPLING, isSampling);

/** Settings by the names that they were given. */
export const presets = new Preference<Record<string, Wishes>>(
  'playground.chat.presets',
  {},
  (value): value is Record<string, Wishes> =>
    typeof value === 'object' && value !== null && Object.values(value).every(isWishes),
);

/** The models of the first and, in a comparison, of the second column. */
export const models = [
  text('playground.chat.model', ''),
  text('playground.chat.other', ''),
] as const;
/** What has been typed, but not sent. */
export const draft = text('playground.chat.draft', '');

function isSampling(value: unknown): value is Sampling {
  if (typeof value !== 'object' || value === null) return false;
  const given = value as Record<string, unknown>;
  return Object.keys(NO_SAMPLING).every(
    (name) => given[name] === null || typeof given[name] === 'number',
  );
}

function isWishes(value: unknown): value is Wishes {
  const given = (value ?? {}) as Record<string, unknown>;
  const texts = ['system', 'stop', 'effort', 'more'].every(
    (name) => typeof given[name] === 'string',
  );
  return (
    texts &&
    (ENDPOINTS as readonly unknown[]).includes(given.endpoint) &&
    isSampling(given.sampling)
  );
}

export function applyPreset(preset: Wishes): void {
  endpoint.value = preset.endpoint;
  system.value = preset.system;
  sampling.value = preset.sampling;
  stop.value = preset.stop;
  effort.value = EFFORTS.find((each) => each === preset.effort) ?? '';
  more.value = preset.more;
}

export function wishes(): Wishes {
  return {
    endpoint: endpoint.value,
    system: system.value,
    sampling: sampling.value,
    stop: stop.value,
    effort: effort.value,
    more: more.value,
  };
}

export function resetWishes(): void {
  for (const preference of [endpoint, system, stop, effort, more, shrink, sampling]) {
    preference.reset();
  }
}
