/** What can go wrong with a call, in words for people. */

/** Who is to blame; an error that does not say that it is hotbay's counts as a model server's. */
export type Source = 'hotbay' | 'model server' | 'network';

export class ApiError extends Error {
  override readonly name = 'ApiError';

  constructor(
    message: string,
    /** 0 if no answer came. */
    readonly status: number,
    readonly source: Source,
    /** Seconds after which the server says it is worth another try. */
    readonly retryAfter: number | null = null,
  ) {
    super(message);
  }
}

/** What an answer that is none of success says. */
export async function errorOf(response: Response): Promise<ApiError> {
  const text = await response.text().catch(() => '');
  const [message, source] = messageIn(text, response);
  const wait = Number(response.headers.get('Retry-After') ?? 'none');
  return new ApiError(message, response.status, source, Number.isFinite(wait) ? wait : null);
}

function messageIn(text: string, response: Response): [string, Source] {
  const html = response.headers.get('Content-Type')?.includes('html') ?? false;
  const words = html ? '' : text.trim().slice(0, 500);
  const fallback = words || `${response.status} ${response.statusText}`.trim();
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    return [fallback, 'model server'];
  }
  if (!isObject(body)) return [fallback, 'model server'];
  const source = body.src === 'llama-swap' ? 'hotbay' : 'model server';
  const error = body.error ?? body.detail; // the latter is what servers made with FastAPI say
  if (typeof error === 'string') return [error, source];
  if (Array.isArray(error) && error.every(isFault)) {
    return [error.map(({ msg, loc }) => `${loc.join('.')}: ${msg}`).join('; '), source];
  }
  if (isObject(error) && typeof error.message === 'string') return [error.message, source];
  return [fallback, source];
}

function isFault(value: unknown): value is { msg: string; loc: unknown[] } {
  return isObject(value) && typeof value.msg === 'string' && Array.isArray(value.loc);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

/** What to tell the user of anything that was thrown, and what they can do. */
export function explain(error: unknown): string {
  if (!(error instanceof ApiError)) return error instanceof Error ? error.message : String(error);
  const again = error.retryAfter === null ? '' : ` Try again in ${error.retryAfter} s.`;
  switch (error.status) {
    case 0:
      return 'The server does not answer'; // what browsers say of it helps nobody
    case 401:
      return 'The server wants an API key that it knows.';
    case 413:
      return `Too large for the server: ${error.message}`;
    case 429:
      return `Too much at once: ${error.message}.${again}`;
    case 502:
      return `The model server could not be reached: ${error.message}`;
    case 503:
      return `Not available at the moment: ${error.message}.${again}`;
    default:
      return error.message;
  }
}

/** Whether somebody gave up on purpose, which is no failure. */
export function isAbort(error: unknown): boolean {
  return error instanceof DOMException && error.name === 'AbortError';
}
