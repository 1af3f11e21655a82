/** Who uses this tab: owns the key, which lives as long as the tab, and whether one is needed. */

import { type Credentials, same } from './credentials';

const STORED = 'hotbay.key';

function stored(): Credentials {
  const key = sessionStorage.getItem(STORED);
  if (key === null) return { kind: 'browser' };
  return key === '' ? { kind: 'none' } : { kind: 'key', key };
}

class Session {
  credentials = $state.raw<Credentials>(stored());
  /** The server has refused the credentials. */
  refused = $state(false);
  /** The server has ever asked for a key here, so there is something to log out of. */
  keyed = $state(sessionStorage.getItem(STORED) !== null);

  logIn(key: string): void {
    sessionStorage.setItem(STORED, key);
    this.credentials = { kind: 'key', key };
    this.refused = false;
    this.keyed = true;
  }

  /** Takes over a key that another tab was let in with, unless this one has its own. */
  adopt(key: string): void {
    if (this.refused || this.credentials.kind !== 'key') this.logIn(key);
  }

  /** Forgets the key; `live.logOut` does so in all tabs. */
  logOut(): void {
    sessionStorage.setItem(STORED, '');
    this.credentials = { kind: 'none' };
    this.refused = true;
  }

  /** The server said 401 to these credentials; late answers to earlier ones do not count. */
  refuse(credentials: Credentials): void {
    if (!same(credentials, this.credentials)) return;
    this.refused = true;
    this.keyed = true;
  }
}

export const session = new Session();
