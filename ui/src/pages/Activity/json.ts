/** How JSON is told in short. Pure. */

export function isBranch(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}

/** Members with their names, or their places. */
export function entriesOf(value: unknown): [string, unknown][] {
  return isBranch(value) ? Object.entries(value) : [];
}

const LONGEST = 60; // characters

/** What is in a folded part: how much, and what tells such parts from one another. */
export function summaryOf(value: object): string {
  if (Array.isArray(value)) return value.length === 0 ? '[]' : `[${value.length}]`;
  const entries = Object.entries(value);
  if (entries.length === 0) return '{}';
  const telling = entries.find(
    ([name, member]) => ['role', 'type', 'name', 'id'].includes(name) && typeof member === 'string',
  );
  if (telling) return `{${telling[0]}: ${cut(String(telling[1]))}}`;
  return `{${cut(entries.map(([name]) => name).join(', '))}}`;
}

function cut(text: string): string {
  return text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text;
}
