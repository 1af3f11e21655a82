/** The names that a request may use, in the groups in which they are offered. Pure. */

import type { Shown } from '$lib/components/StateMark.svelte';
import { byName } from '$lib/format';
import type { Model, Request } from '$lib/live/state';
import type { Capability } from '$lib/live/wire';
import { shownState, UP_FIRST } from '$lib/models/shown';

/** A record of `/v1/models`. */
export interface Listed {
  id: string;
  name?: string;
  description?: string;
  capabilities?: Partial<Record<Capability, boolean>>;
  meta?: {
    llamaswap?: {
      type?: string;
      aliases?: string[];
      modelID?: string;
      strategy?: string;
      targets?: string[];
    };
  };
}

export interface Name {
  id: string;
  /** What people call it; may be empty. */
  title: string;
  description: string;
  /** Null for what is no model of this server. */
  state: Shown | null;
  /** The model that an alias means. */
  means: string;
  capabilities: Partial<Record<Capability, boolean>>;
}

export interface Group {
  title: string;
  names: Name[];
}

type Kind = 'profile' | 'fitting' | 'selector' | 'local' | 'peer';

const TITLES: Record<Kind, string> = {
  profile: 'Profile',
  fitting: 'Made for this',
  selector: 'Selectors',
  local: 'Models',
  peer: 'Peers',
};

/**
 * `wanted`: what a model has to be able to do to be offered first; none: all are the same.
 * `recent`: the names that were used last, the last one first; they are the first of their group.
 */
export function grouped(
  listed: readonly Listed[],
  models: readonly Model[],
  requests: readonly Request[] | null,
  wanted: readonly Capability[],
  recent: readonly string[] = [],
): Group[] {
  const groups: Record<Kind, Name[]> = {
    profile: [],
    fitting: [],
    selector: [],
    local: [],
    peer: [],
  };
  const byId = new Map(models.map((model) => [model.id, model]));
  for (const record of listed) {
    const type = record.meta?.llamaswap?.type ?? 'model';
    if (type === 'alias') continue; // named with its model
    const model = byId.get(record.id);
    const capabilities = record.capabilities ?? {};
    const name: Name = {
      id: record.id,
      title: record.name && record.name !== record.id ? record.name : '',
      description: record.description ?? '',
      state: model === undefined || model.peerID ? null : shownState(model, requests),
      means: '',
      capabilities,
    };
    const fits = wanted.some((capability) => capabilities[capability]);
    const kind =
      type === 'model' ? (fits ? 'fitting' : 'local') : type in TITLES ? (type as Kind) : 'local';
    groups[kind].push(name);
    const aliases = record.meta?.llamaswap?.aliases ?? [];
    for (const alias of aliases) {
      groups[kind].push({ ...name, id: alias, title: '', description: '', means: record.id });
    }
  }
  return (Object.keys(TITLES) as Kind[])
    .map((kind) => ({ title: TITLES[kind], names: groups[kind].sort(first(recent)) }))
    .filter(({ names }) => names.length > 0);
}

/** Orders names by when they were used, then by what is up. Aliases stay behind their model. */
function first(recent: readonly string[]): (a: Name, b: Name) => number {
  const used = (name: Name) => {
    const at = recent.indexOf(name.means || name.id);
    return at < 0 ? recent.length : at;
  };
  const up = (name: Name) => UP_FIRST[name.state ?? 'unknown'];
  return (a, b) =>
    used(a) - used(b) ||
    up(a) - up(b) ||
    byName(a.means || a.id, b.means || b.id) ||
    Number(a.means !== '') - Number(b.means !== '') ||
    byName(a.id, b.id);
}

/** The groups with only those names in which every word occurs. */
export function searched(groups: readonly Group[], search: string): Group[] {
  const words = search.toLowerCase().split(/\s+/).filter(Boolean);
  const fits = ({ id, title, means, description }: Name) => {
    const text = [id, title, means, description].join('\n').toLowerCase();
    return words.every((word) => text.includes(word));
  };
  return groups
    .map((group) => ({ ...group, names: group.names.filter(fits) }))
    .filter(({ names }) => names.length > 0);
}

/** What a search most likely means: what is called so, before what only speaks of it. */
export function likeliest(found: readonly Group[], search: string): string {
  const ids = found.flatMap(({ names }) => names.map(({ id }) => id));
  const text = search.trim().toLowerCase();
  const begins = ids.find((id) => id.toLowerCase().startsWith(text));
  return begins ?? ids.find((id) => id.toLowerCase().includes(text)) ?? ids[0] ?? '';
}

/** What to begin with where nothing has been chosen: what is up already and made for it. */
export function beginning(groups: readonly Group[], wanted: readonly Capability[]): string {
  const all = groups.flatMap(({ names }) => names);
  const able = (name: Name) =>
    wanted.length > 0
      ? wanted.some((capability) => name.capabilities[capability])
      : !name.capabilities.reranker;
  const fitting = all.filter(able);
  const up = fitting.find(({ state }) => state === 'ready' || state === 'busy');
  return (up ?? (wanted.length > 0 ? fitting[0] : undefined))?.id ?? '';
}
