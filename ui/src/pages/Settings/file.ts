/** What is in a file of preferences, or in words what is wrong with it. Pure. */
export function preferencesIn(text: string): Record<string, unknown> | string {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return 'is not JSON.';
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return 'is no file that was exported here.';
  }
  return value as Record<string, unknown>;
}
