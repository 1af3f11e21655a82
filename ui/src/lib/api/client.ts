/** Calls to the server, with the key of this tab; whatever is not a success is thrown as ApiError. */

import { SERVER } from '$lib/addresses';
import { type Credentials, withCredentials } from './credentials';
import { ApiError, errorOf, isAbort } from './errors';
import { session } from './session.svelte';

type Query = Record<string, string | number | boolean | readonly string[] | null | undefined>;

export interface Call {
  query?: Query;
  signal?: AbortSignal | undefined;
}

/** The answer of the server as it comes, for streams and files. `path` is without a leading `/`. */
export async function request(
  path: string,
  init: RequestInit = {},
  query: Query = {},
): Promise<Response> {
  const credentials = session.credentials;
  const response = await answerTo(path, credentials, init, query);
  if (response.status === 401) session.refuse(credentials);
  if (!response.ok) throw await errorOf(response);
  return response;
}

/** Whether the server takes a key. */
export async function isKnown(key: string): Promise<boolean> {
  const response = await answerTo('api/version', { kind: 'key', key });
  if (response.status === 401) return false;
  if (!response.ok) throw await errorOf(response);
  return true;
}

export async function get<Answer>(path: string, { query, signal }: Call = {}): Promise<Answer> {
  return answered(await request(path, { signal: signal ?? null }, query));
}

export async function post<Answer>(
  path: string,
  body?: unknown,
  { query, signal }: Call = {},
): Promise<Answer> {
  return answered(await request(path, sent('POST', body, signal), query));
}

export async function put<Answer>(
  path: string,
  body: unknown,
  { query, signal }: Call = {},
): Promise<Answer> {
  return answered(await request(path, sent('PUT', body, signal), query));
}

async function answerTo(
  path: string,
  credentials: Credentials,
  init: RequestInit = {},
  query: Query = {},
): Promise<Response> {
  try {
    return await fetch(address(path, query), withCredentials(credentials, init));
  } catch (error) {
    if (isAbort(error)) throw error;
    throw new ApiError(error instanceof Error ? error.message : String(error), 0, 'network');
  }
}

function sent(method: string, body: unknown, signal: AbortSignal | undefined): RequestInit {
  const init: RequestInit = { method, signal: signal ?? null };
  if (body === undefined) return init;
  return { ...init, body: JSON.stringify(body), headers: { 'Content-Type': 'application/json' } };
}

/** Some answers are plain text, such as `OK`. */
async function answered<Answer>(response: Response): Promise<Answer> {
  const json = response.headers.get('Content-Type')?.includes('json') ?? false;
  return (json ? await response.json() : await response.text()) as Answer;
}

function address(path: string, query: Query): string {
  const url = new URL(path, SERVER);
  for (const [name, value] of Object.entries(query)) {
    if (value === null || value === undefined) continue;
    for (const each of Array.isArray(value) ? value : [value]) {
      url.searchParams.append(name, String(each));
    }
  }
  return url.href;
}
