/** What the filters of the configuration do to a request, whatever is wished for here. Pure. */

interface Filters {
  stripParams?: string;
  setParams?: Record<string, unknown>;
  setParamsByID?: Record<string, Record<string, unknown>>;
}

/** The configuration in force, as far as it matters here (`GET /api/x/config`). */
export interface Filtering {
  models?: Record<string, { aliases?: string[]; filters?: Filters }>;
  peers?: Record<string, { models?: string[]; filters?: Filters }>;
}

/** In words, for requests that ask for a name; empty if nothing is done to them. */
export function overrides(active: Filtering, name: string): string {
  const { stripParams = '', setParams = {}, setParamsByID = {} } = filtersOf(active, name);
  const all = Object.entries({ ...setParams, ...setParamsByID[name] });
  const set = all.map(([member, value]) => `sets ${member} to ${JSON.stringify(value)}`);
  const removed = stripParams
    .split(',')
    .map((member) => member.trim())
    .filter((member) => member !== '' && !all.some(([other]) => other === member))
    .map((member) => `removes ${member}`);
  const done = [...set, ...removed];
  return done.length > 0
    ? `Whatever is wished for here, hotbay ${done.join(', ')} for ${name}.`
    : '';
}

function filtersOf({ models = {}, peers = {} }: Filtering, name: string): Filters {
  for (const [id, { aliases = [], filters = {} }] of Object.entries(models)) {
    const known = id === name || aliases.includes(name) || name in (filters.setParamsByID ?? {});
    if (known) return filters;
  }
  const peer = Object.values(peers).find((each) => each.models?.includes(name));
  return peer?.filters ?? {};
}
