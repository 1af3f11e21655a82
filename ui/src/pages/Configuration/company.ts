/** Which models may run beside a model, as groups and the matrix say. Pure. */

interface Group {
  swap: boolean;
  exclusive: boolean;
  persistent: boolean;
  members: string[];
}

interface Routing {
  router?: {
    use?: string;
    settings?: {
      groups?: Record<string, Group>;
      matrix?: { vars?: Record<string, string>; sets?: Record<string, string> } | null;
    };
  };
}

/** What a model belongs to, and what that means. */
export interface Company {
  /** Such as `Group big`. */
  name: string;
  words: string;
  /** The others that belong to it. */
  others: string[];
}

export function companyOf(active: Record<string, unknown>, model: string): Company[] {
  const settings = (active.routing as Routing | undefined)?.router?.settings;
  const groups = Object.entries(settings?.groups ?? {})
    .filter(([, { members }]) => members.includes(model))
    .map(([name, group]) => ({
      name: name === '(default)' ? 'No group' : `Group ${name}`,
      words: groupWords(group),
      others: group.members.filter((member) => member !== model),
    }));
  const { vars = {}, sets = {} } = settings?.matrix ?? {};
  const within = Object.keys(sets).filter((name) => membersOf(name, sets, vars).has(model));
  if (!settings?.matrix) return groups;
  if (within.length === 0) return [{ name: 'No set', words: 'it runs alone', others: [] }];
  return within.map((name) => ({
    name: `Set ${name}`,
    words: sets[name] ?? '',
    others: [...membersOf(name, sets, vars)].filter((member) => member !== model).sort(),
  }));
}

function groupWords({ swap, exclusive, persistent }: Group): string {
  return [
    swap ? 'one runs at a time' : 'they run beside one another',
    exclusive ? 'other groups make room' : 'other groups stay',
    ...(persistent ? ['and stop none of it'] : []),
  ].join(', ');
}

/** Every model that a set mentions, by variables and through other sets. */
function membersOf(
  name: string,
  sets: Record<string, string>,
  vars: Record<string, string>,
): Set<string> {
  const found = new Set<string>();
  const seen = new Set<string>();
  const todo = [name];
  for (let next = todo.pop(); next !== undefined; next = todo.pop()) {
    if (seen.has(next)) continue;
    seen.add(next);
    for (const [, plus, word] of (sets[next] ?? '').matchAll(/(\+?)([\p{L}\p{Nd}_.-]+)/gu)) {
      if (word === undefined) continue;
      if (plus) todo.push(word);
      else found.add(vars[word] ?? word);
    }
  }
  return found;
}
