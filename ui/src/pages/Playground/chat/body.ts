/** The body of a request for an answer, in each of the three formats. Pure. */

import type { Message, Question } from './conversation';
import type { Endpoint } from './pieces';

export interface Sampling {
  temperature: number | null;
  top_p: number | null;
  top_k: number | null;
  min_p: number | null;
  repeat_penalty: number | null;
  presence_penalty: number | null;
  frequency_penalty: number | null;
  seed: number | null;
  max_tokens: number | null;
}

export interface Wishes {
  endpoint: Endpoint;
  system: string;
  /** What is null is not sent, so that the model's own values hold. */
  sampling: Sampling;
  /** One a line. */
  stop: string;
  /** Empty: not sent. */
  effort: string;
  /** An object whose members are sent too, as JSON; empty: nothing. */
  more: string;
}

/** What `/v1/messages` needs to know. */
const MAX_TOKENS = 4096;

type Json = Record<string, unknown>;

/** What is wrong with the members that are to be sent too; empty if nothing is. */
export function wrongMore(more: string): string {
  if (more.trim() === '') return '';
  try {
    const value: unknown = JSON.parse(more);
    const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
    return isObject ? '' : 'This has to be an object: {"name": value, …}';
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

export function bodyOf(model: string, messages: readonly Message[], wishes: Wishes): Json {
  const body = { model, ...formed(turns(messages), wishes), stream: true };
  const more =
    wrongMore(wishes.more) || !wishes.more.trim() ? {} : (JSON.parse(wishes.more) as Json);
  return { ...body, ...more };
}

/**
 * Questions and answers in turn, as many a template wants them: an answer that says nothing, because
 * it failed or was stopped, is left out, and the questions around it become one.
 */
function turns(messages: readonly Message[]): Message[] {
  const found: Message[] = [];
  for (const message of messages) {
    const before = found.at(-1);
    if (message.role === 'assistant') {
      if (message.text.trim() !== '') found.push(message);
    } else if (before?.role === 'user') {
      const text = [before.text, message.text].filter(Boolean).join('\n\n');
      const pictures = [...before.pictures, ...message.pictures];
      found[found.length - 1] = { ...message, text, pictures };
    } else found.push(message);
  }
  return found;
}

function formed(messages: readonly Message[], wishes: Wishes): Json {
  const { max_tokens, ...sampling } = wishes.sampling;
  const sent = Object.fromEntries(Object.entries(sampling).filter(([, value]) => value !== null));
  const stop = wishes.stop.split('\n').filter((line) => line !== '');
  const system = wishes.system.trim();
  const { effort } = wishes;
  switch (wishes.endpoint) {
    case 'v1/chat/completions':
      return {
        messages: [...(system ? [{ role: 'system', content: system }] : []), ...messages.map(chat)],
        ...sent,
        ...(max_tokens === null ? {} : { max_tokens }),
        ...(stop.length > 0 ? { stop } : {}),
        ...(effort ? { reasoning_effort: effort } : {}),
        stream_options: { include_usage: true },
      };
    case 'v1/messages':
      return {
        ...(system ? { system } : {}),
        messages: messages.map(anthropic),
        ...sent,
        max_tokens: max_tokens ?? MAX_TOKENS,
        ...(stop.length > 0 ? { stop_sequences: stop } : {}),
        ...(effort ? { output_config: { effort } } : {}),
      };
    case 'v1/responses':
      return {
        ...(system ? { instructions: system } : {}),
        input: messages.map(response),
        ...sent,
        ...(max_tokens === null ? {} : { max_output_tokens: max_tokens }),
        ...(effort ? { reasoning: { effort } } : {}),
      };
  }
}

function chat(message: Message): Json {
  if (message.role === 'assistant') return { role: 'assistant', content: message.text };
  return {
    role: 'user',
    content: parts(message, 'text', (url) => ({ type: 'image_url', image_url: { url } })),
  };
}

function anthropic(message: Message): Json {
  if (message.role === 'assistant') return { role: 'assistant', content: message.text };
  const source = (url: string) => {
    const [, media_type, data] = /^data:([^;,]+);base64,(.*)$/s.exec(url) ?? [];
    return { type: 'image', source: { type: 'base64', media_type, data } };
  };
  return { role: 'user', content: parts(message, 'text', source) };
}

function response(message: Message): Json {
  if (message.role === 'assistant') {
    return { role: 'assistant', content: [{ type: 'output_text', text: message.text }] };
  }
  const picture = (image_url: string) => ({ type: 'input_image', image_url });
  const content = parts(message, 'input_text', picture);
  const whole = typeof content === 'string' ? [{ type: 'input_text', text: content }] : content;
  return { role: 'user', content: whole };
}

function parts(message: Question, type: string, picture: (url: string) => Json): string | Json[] {
  if (message.pictures.length === 0) return message.text;
  const words = message.text ? [{ type, text: message.text }] : [];
  return [...message.pictures.map(picture), ...words];
}
