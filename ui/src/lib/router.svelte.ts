/** Where the user is: owns the hash of the address, `#/page/rest?query`. */

import { UI } from '$lib/addresses';

export interface Route {
  /** The first segment, such as `models`; empty at the root. */
  page: string;
  /** What follows, decoded, such as the ID of a model. */
  rest: string;
  query: URLSearchParams;
}

/** By name; a list stands for a name that is there several times. */
export type QueryChanges = Record<string, string | readonly string[] | null>;

export function parse(hash: string): Route {
  const [path = '', query = ''] = hash.replace(/^#\/?/, '').split(/\?(.*)/s);
  const [page = '', rest = ''] = path.split(/\/(.*)/s);
  return { page: decoded(page), rest: decoded(rest), query: new URLSearchParams(query) };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text; // written by hand, with a bare per cent sign
  }
}

function here(): Route {
  // Paths such as `/ui/models/x` are the same places; from now on the address says so.
  const path = location.pathname.slice(new URL(UI).pathname.length);
  if (path !== '' && path !== 'index.html') {
    history.replaceState(null, '', `${UI}#/${path}${location.search}`);
  }
  const base = document.querySelector('base');
  if (base !== null) base.href = UI; // it was relative to the path
  return parse(location.hash);
}

class Router {
  route = $state.raw<Route>(here());

  constructor() {
    window.addEventListener('hashchange', () => {
      this.route = parse(location.hash);
    });
  }

  go(hash: string): void {
    location.hash = hash;
  }

  /** The address of this view with changes to what it says after the `?`; null: nothing. */
  address(changes: QueryChanges): string {
    const text = this.#changed(changes).toString();
    const path = location.hash.split('?')[0] || '#/';
    return text ? `${path}?${text}` : path;
  }

  /** Changes what the address says of the view, without a new entry in the history. */
  setQuery(changes: QueryChanges): void {
    history.replaceState(null, '', this.address(changes));
    this.route = { ...this.route, query: this.#changed(changes) };
  }

  #changed(changes: QueryChanges): URLSearchParams {
    const query = new URLSearchParams(this.route.query);
    for (const [name, value] of Object.entries(changes)) {
      query.delete(name);
      for (const each of value === null ? [] : [value].flat()) query.append(name, each);
    }
    return query;
  }
}

export const router = new Router();
