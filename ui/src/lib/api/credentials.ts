/** How requests show that they may be made. */
export type Credentials =
  /** As the browser knows how: by what it asked the user for when the page was opened. */
  | { kind: 'browser' }
  /** By a key that was entered in the page. */
  | { kind: 'key'; key: string }
  /** Not at all: the user has logged out. */
  | { kind: 'none' };

export function withCredentials(credentials: Credentials, init: RequestInit = {}): RequestInit {
  const headers = new Headers(init.headers);
  // Without it, a refusal would make the browser ask for a password in its own way.
  headers.set('X-Requested-With', 'hotbay');
  if (credentials.kind === 'browser') return { ...init, headers, credentials: 'same-origin' };
  if (credentials.kind === 'key') headers.set('Authorization', `Bearer ${credentials.key}`);
  return { ...init, headers, credentials: 'omit' };
}

export function same(a: Credentials, b: Credentials): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
