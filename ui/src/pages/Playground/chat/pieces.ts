/** What the events of a streamed answer say, in each of the three formats. Pure. */

import type { ServerEvent } from '$lib/live/sse';
import type { Figures } from './figures';

export const ENDPOINTS = ['v1/chat/completions', 'v1/messages', 'v1/responses'] as const;
export type Endpoint = (typeof ENDPOINTS)[number];

export interface Piece {
  text?: string;
  reasoning?: string;
  /** Of the call with this number, which may come in several pieces. */
  call?: { index: number; name?: string; arguments?: string };
  /** A data URL, or an address. */
  picture?: string;
  figures?: Figures;
  /** It went wrong in the middle. */
  error?: string;
  /** The answer is over. */
  end?: true;
}

type Json = Record<string, unknown>;

const object = (value: unknown): Json =>
  typeof value === 'object' && value !== null ? (value as Json) : {};
const list = (value: unknown): Json[] => (Array.isArray(value) ? value.map(object) : []);
const text = (value: unknown): string => (typeof value === 'string' ? value : '');

/** The pieces in an event; what is not understood is passed over. */
export function piecesOf(endpoint: Endpoint, event: ServerEvent): Piece[] {
  if (event.data.trim() === '[DONE]') return [{ end: true }];
  let data: Json;
  try {
    data = object(JSON.parse(event.data));
  } catch {
    return [];
  }
  const error = errorIn(data);
  if (error) return [{ error }];
  switch (endpoint) {
    case 'v1/chat/completions':
      return ofChat(data);
    case 'v1/messages':
      return ofMessages(data);
    case 'v1/responses':
      return ofResponses(data);
  }
}

/** The pieces of an answer that came as a whole, because the request wanted no stream. */
export function piecesOfWhole(endpoint: Endpoint, answer: unknown): Piece[] {
  const data = object(answer);
  const error = errorIn(data);
  if (error) return [{ error }];
  switch (endpoint) {
    case 'v1/chat/completions':
      return [...ofChat(data), { end: true }];
    case 'v1/messages':
      return [
        ...list(data.content).flatMap((part, index) => ofContent(part, index)),
        { figures: { ...ofUsage(object(data.usage)), ...finish(data.stop_reason) }, end: true },
      ];
    case 'v1/responses':
      return [...ofOutput(list(data.output)), { figures: ofUsage(object(data.usage)), end: true }];
  }
}

function errorIn(data: Json): string {
  const told = data.error ?? (data.type === 'error' ? data : undefined);
  if (!told) return '';
  if (typeof told === 'string') return told;
  return text(object(told).message) || JSON.stringify(told);
}

function finish(reason: unknown): Figures {
  return text(reason) ? { finish: text(reason) } : {};
}

// -- chat completions ---------------------------------------------------------------------

function ofChat(data: Json): Piece[] {
  const pieces: Piece[] = [];
  const [choice = {}] = list(data.choices);
  const delta = object(choice.delta ?? choice.message);
  const reasoning = text(delta.reasoning_content) || text(delta.reasoning);
  if (reasoning) pieces.push({ reasoning });
  if (text(delta.content)) pieces.push({ text: text(delta.content) });
  for (const part of list(delta.content)) {
    if (text(part.text)) pieces.push({ text: text(part.text) });
    pieces.push(...pictureOf(part));
  }
  for (const part of list(delta.images)) pieces.push(...pictureOf(part));
  for (const [at, call] of list(delta.tool_calls).entries()) {
    const { name, arguments: given } = object(call.function);
    const index = typeof call.index === 'number' ? call.index : at;
    pieces.push({ call: { index, name: text(name), arguments: text(given) } });
  }
  const figures = {
    ...ofUsage(object(data.usage)),
    ...ofTimings(object(data.timings)),
    ...finish(choice.finish_reason),
  };
  if (Object.keys(figures).length > 0) pieces.push({ figures });
  return pieces;
}

function pictureOf(part: Json): Piece[] {
  const url = text(object(part.image_url).url) || text(part.image_url);
  return url ? [{ picture: url }] : [];
}

// -- messages -----------------------------------------------------------------------------

function ofMessages(data: Json): Piece[] {
  const index = typeof data.index === 'number' ? data.index : 0;
  switch (data.type) {
    case 'message_start':
      return [{ figures: ofUsage(object(object(data.message).usage)) }];
    case 'content_block_start':
      return ofContent(object(data.content_block), index, true);
    case 'content_block_delta': {
      const delta = object(data.delta);
      if (text(delta.text)) return [{ text: text(delta.text) }];
      if (text(delta.thinking)) return [{ reasoning: text(delta.thinking) }];
      if (text(delta.partial_json))
        return [{ call: { index, arguments: text(delta.partial_json) } }];
      return [];
    }
    case 'message_delta': {
      const figures = { ...ofUsage(object(data.usage)), ...finish(object(data.delta).stop_reason) };
      return [{ figures }];
    }
    case 'message_stop':
      return [{ figures: ofTimings(object(data.timings)), end: true }];
    default:
      return [];
  }
}

function ofContent(part: Json, index: number, begins = false): Piece[] {
  switch (part.type) {
    case 'text':
      return text(part.text) ? [{ text: text(part.text) }] : [];
    case 'thinking':
      return text(part.thinking) ? [{ reasoning: text(part.thinking) }] : [];
    case 'tool_use': {
      const call = { index, name: text(part.name) };
      return [{ call: begins ? call : { ...call, arguments: JSON.stringify(part.input) } }];
    }
    default:
      return [];
  }
}

// -- responses ----------------------------------------------------------------------------

function ofResponses(data: Json): Piece[] {
  const index = typeof data.output_index === 'number' ? data.output_index : 0;
  switch (data.type) {
    case 'response.output_text.delta':
    case 'response.refusal.delta':
      return [{ text: text(data.delta) }];
    case 'response.reasoning_summary_text.delta':
    case 'response.reasoning_text.delta':
      return [{ reasoning: text(data.delta) }];
    case 'response.output_item.added': {
      const item = object(data.item);
      return item.type === 'function_call' ? [{ call: { index, name: text(item.name) } }] : [];
    }
    case 'response.output_item.done':
      return drawn(object(data.item));
    case 'response.function_call_arguments.delta':
      return [{ call: { index, arguments: text(data.delta) } }];
    case 'response.completed':
    case 'response.incomplete': {
      const response = object(data.response);
      const reason = object(response.incomplete_details).reason;
      return [{ figures: { ...ofUsage(object(response.usage)), ...finish(reason) }, end: true }];
    }
    case 'response.failed':
      return [{ error: errorIn(object(data.response)) || 'The model server failed' }];
    default:
      return [];
  }
}

function ofOutput(items: Json[]): Piece[] {
  return items.flatMap((item, index): Piece[] => {
    switch (item.type) {
      case 'message':
        return list(item.content).map((part) => ({ text: text(part.text) }));
      case 'reasoning':
        return [...list(item.summary), ...list(item.content)].map((part) => ({
          reasoning: text(part.text),
        }));
      case 'function_call':
        return [{ call: { index, name: text(item.name), arguments: text(item.arguments) } }];
      default:
        return drawn(item);
    }
  });
}

/** A picture that the model has had made. */
function drawn(item: Json): Piece[] {
  const made = item.type === 'image_generation_call' && text(item.result);
  return made
    ? [{ picture: `data:image/${text(item.output_format) || 'png'};base64,${made}` }]
    : [];
}

// -- figures ------------------------------------------------------------------------------

function ofUsage(usage: Json): Figures {
  const figures: Figures = {};
  const { prompt_tokens, input_tokens, completion_tokens, output_tokens } = usage;
  const details = object(usage.prompt_tokens_details ?? usage.input_tokens_details);
  const cached = details.cached_tokens ?? usage.cache_read_input_tokens;
  const given = prompt_tokens ?? input_tokens;
  const made = completion_tokens ?? output_tokens;
  if (typeof cached === 'number') figures.cached = cached;
  if (typeof given === 'number') {
    // Anthropic counts what was cached apart, the others within.
    const within = 'cache_read_input_tokens' in usage ? 0 : (figures.cached ?? 0);
    figures.prompt = Math.max(0, given - within);
  }
  if (typeof made === 'number') figures.generated = made;
  return figures;
}

/** What llama.cpp's server measures itself. */
function ofTimings(timings: Json): Figures {
  const figures: Figures = {};
  const { prompt_n, cache_n, predicted_n, prompt_per_second, predicted_per_second } = timings;
  if (typeof prompt_n === 'number') figures.prompt = prompt_n;
  if (typeof cache_n === 'number') figures.cached = cache_n;
  if (typeof predicted_n === 'number') figures.generated = predicted_n;
  if (typeof prompt_per_second === 'number') figures.promptSpeed = prompt_per_second;
  if (typeof predicted_per_second === 'number') figures.generatedSpeed = predicted_per_second;
  return figures;
}
