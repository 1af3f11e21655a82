/** What was sent and what came back: bodies decoded, and read as what they are. Pure. */

export interface Part {
  type: string;
  text: string;
  id?: string;
  name?: string;
}

/** A streamed answer, put together by the server. */
export interface Reassembled {
  format: string;
  model: string;
  complete: boolean;
  usage: Record<string, unknown> | null;
  choices: { index: number; finish_reason: string; parts: Part[] }[];
}

export interface Capture {
  id: number;
  req_path: string;
  req_headers: Record<string, string> | null;
  req_body: string | null;
  resp_headers: Record<string, string> | null;
  resp_body: string | null;
  reassembled?: Reassembled | null;
}

export type Kind = 'json' | 'events' | 'image' | 'audio' | 'text' | 'binary' | 'empty';

export interface Body {
  kind: Kind;
  /** The media type without parameters. */
  type: string;
  bytes: Uint8Array<ArrayBuffer>;
  /** As far as it is text. */
  text: string;
  /** Of JSON that can be read. */
  value?: unknown;
}

const TEXT = /^text\/|[/+](?:xml|yaml|x-ndjson|javascript|x-www-form-urlencoded)$/;

/** Null: that part was not kept. */
export function bodyOf(
  encoded: string | null,
  headers: Record<string, string> | null,
): Body | null {
  if (encoded === null) return null;
  const bytes = decoded(encoded);
  const type = mediaType(headers);
  if (bytes.length === 0) return { kind: 'empty', type, bytes, text: '' };
  if (type.startsWith('image/')) return { kind: 'image', type, bytes, text: '' };
  if (type.startsWith('audio/')) return { kind: 'audio', type, bytes, text: '' };
  const text = new TextDecoder().decode(bytes);
  if (type === 'text/event-stream') return { kind: 'events', type, bytes, text };
  // Many clients forget to say that it is JSON.
  const value = type.includes('json') || type === '' ? parsed(text) : undefined;
  if (value !== undefined) return { kind: 'json', type, bytes, text, value };
  if (type.includes('json') || type === '' || TEXT.test(type)) {
    return { kind: 'text', type, bytes, text };
  }
  return { kind: 'binary', type, bytes, text: '' };
}

function decoded(encoded: string): Uint8Array<ArrayBuffer> {
  const binary = atob(encoded);
  const bytes = new Uint8Array(binary.length);
  for (let at = 0; at < binary.length; at += 1) bytes[at] = binary.charCodeAt(at);
  return bytes;
}

function mediaType(headers: Record<string, string> | null): string {
  const found = Object.entries(headers ?? {}).find(
    ([name]) => name.toLowerCase() === 'content-type',
  );
  return (found?.[1].split(';')[0] ?? '').trim().toLowerCase();
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** How a file with such a body is called. */
export function fileName(id: number, what: 'request' | 'response', type: string): string {
  const ending: Record<string, string> = {
    'text/event-stream': 'txt',
    'text/plain': 'txt',
    'application/json': 'json',
    'audio/mpeg': 'mp3',
  };
  const subtype = /^[\w-]+\/(?:x-)?(\w+)/.exec(type)?.[1];
  return `${what}-${id}.${ending[type] ?? subtype ?? 'bin'}`;
}

/** The request as a command for a shell; secrets have been taken out by the server. */
export function asCurl(server: string, capture: Capture, body: Body | null): string {
  const url = new URL(capture.req_path.replace(/^\//, ''), server).href;
  const left = new Set([
    'host',
    'content-length',
    'connection',
    'accept-encoding',
    'transfer-encoding',
  ]);
  const headers = Object.entries(capture.req_headers ?? {})
    .filter(([name]) => !left.has(name.toLowerCase()))
    .map(([name, value]) => ` \\\n  -H ${quoted(`${name}: ${value}`)}`);
  const data = body?.text ? ` \\\n  --data-raw ${quoted(body.text)}` : '';
  return `curl ${quoted(url)}${headers.join('')}${data}\n`;
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", `'"'"'`)}'`;
}
