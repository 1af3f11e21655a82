/** What a request to a model says, in the forms of the usual APIs, as one conversation. Pure. */

import type { Reassembled } from './capture';

export interface Piece {
  kind: 'text' | 'reasoning' | 'image' | 'call' | 'result' | 'other';
  /** The text, the address of an image, the arguments of a call. */
  text: string;
  /** Of a call or its result: of which tool. */
  name?: string;
}

export interface Turn {
  role: string;
  pieces: Piece[];
}

type Json = Record<string, unknown>;

/** Null: it is no conversation. */
export function conversationOf(body: unknown): Turn[] | null {
  if (!isObject(body)) return null;
  const turns: Turn[] = [];
  const before = body.system ?? body.instructions;
  if (before !== undefined && before !== null)
    turns.push({ role: 'system', pieces: pieces(before) });
  const said = body.messages ?? body.input;
  if (Array.isArray(said) && said.every(isObject)) turns.push(...said.map(turnOf));
  else if (Array.isArray(body.messages)) return null;
  else if (typeof said === 'string' && !isEmbedding(body)) {
    turns.push({ role: 'user', pieces: [{ kind: 'text', text: said }] });
  } else if (typeof body.prompt === 'string') {
    turns.push({ role: 'prompt', pieces: [{ kind: 'text', text: body.prompt }] });
  } else return null;
  return turns;
}

/** The answer of a request that was not streamed. Null: it is of no kind that is known. */
export function answerOf(body: unknown): Turn[] | null {
  if (!isObject(body)) return null;
  if (Array.isArray(body.choices)) {
    return body.choices.filter(isObject).map((choice) => {
      const message = isObject(choice.message) ? choice.message : { content: choice.text };
      return turnOf({ role: 'assistant', ...message });
    });
  }
  if (Array.isArray(body.output)) return body.output.filter(isObject).map(turnOf);
  if (body.type === 'message' && Array.isArray(body.content)) return [turnOf(body)];
  if (typeof body.content === 'string')
    return [turnOf({ role: 'assistant', content: body.content })];
  return null;
}

/** Why a model server ended its answers, in its own words. */
export function endings(body: unknown): string[] {
  if (!isObject(body)) return [];
  const reasons = [
    ...list(body.choices).map((choice) => choice.finish_reason),
    body.stop_reason,
    body.stop_type,
    isObject(body.incomplete_details) ? body.incomplete_details.reason : undefined,
  ];
  return reasons.map(text).filter(Boolean);
}

/** A streamed answer that was put together. */
export function turnsOf({ choices }: Reassembled): Turn[] {
  return choices.map(({ parts }) => ({
    role: 'assistant',
    pieces: parts.map((part) => {
      if (part.type === 'tool_call') return call(part.name, indented(part.text));
      return { kind: part.type === 'reasoning' ? 'reasoning' : 'text', text: part.text };
    }),
  }));
}

function indented(text: string): string {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text; // broken off
  }
}

/** These have an input as well, which is nobody's turn. */
function isEmbedding(body: Json): boolean {
  return (
    body.encoding_format !== undefined || body.dimensions !== undefined || body.voice !== undefined
  );
}

function turnOf(message: Json): Turn {
  const type = text(message.type);
  if (type === 'function_call') {
    return {
      role: 'assistant',
      pieces: [call(message.name, indented(written(message.arguments)))],
    };
  }
  if (type === 'function_call_output') {
    return { role: 'tool', pieces: [{ kind: 'result', text: written(message.output) }] };
  }
  if (type === 'reasoning') {
    return { role: 'assistant', pieces: pieces(message.summary ?? message.content, 'reasoning') };
  }
  const found: Piece[] = [];
  const thought = message.reasoning_content ?? message.reasoning;
  if (typeof thought === 'string' && thought) found.push({ kind: 'reasoning', text: thought });
  const role = text(message.role) || type || 'unknown';
  found.push(...pieces(message.content, role === 'tool' ? 'result' : 'text'));
  for (const made of list(message.tool_calls)) {
    const wanted = isObject(made.function) ? made.function : made;
    found.push(call(wanted.name, indented(written(wanted.arguments))));
  }
  return { role, pieces: found };
}

function pieces(content: unknown, kind: Piece['kind'] = 'text'): Piece[] {
  if (typeof content === 'string') return content ? [{ kind, text: content }] : [];
  if (!Array.isArray(content)) return [];
  return content.map((part) => pieceOf(part, kind));
}

function pieceOf(part: unknown, kind: Piece['kind']): Piece {
  if (!isObject(part)) return { kind, text: written(part) };
  const type = text(part.type);
  if (type === 'thinking') return { kind: 'reasoning', text: text(part.thinking) };
  if (type === 'tool_use') return call(part.name, part.input);
  if (type === 'tool_result') {
    return { kind: 'result', text: written(plain(part.content)) };
  }
  if (typeof part.text === 'string') return { kind, text: part.text };
  const image = imageOf(part);
  return image ? { kind: 'image', text: image } : { kind: 'other', text: written(part) };
}

/** The picture in a part as a `data:` address; those from elsewhere are not fetched. */
function imageOf(part: Json): string {
  const source = isObject(part.source) ? part.source : null;
  if (source?.type === 'base64')
    return `data:${text(source.media_type)};base64,${text(source.data)}`;
  const url = isObject(part.image_url) ? part.image_url.url : part.image_url;
  return typeof url === 'string' && url.startsWith('data:image/') ? url : '';
}

function plain(content: unknown): unknown {
  if (!Array.isArray(content)) return content;
  return content
    .map((part) => (isObject(part) && typeof part.text === 'string' ? part.text : written(part)))
    .join('\n');
}

function call(name: unknown, args: unknown): Piece {
  return { kind: 'call', name: text(name), text: written(args) };
}

function written(value: unknown): string {
  if (value === undefined || value === null) return '';
  return typeof value === 'string' ? value : JSON.stringify(value, null, 2);
}

function list(value: unknown): Json[] {
  return Array.isArray(value) ? value.filter(isObject) : [];
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
