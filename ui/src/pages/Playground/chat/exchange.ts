/** Conversations as files: what is written, and what of a file can be taken. Pure. */

import type { Answer, Conversation, Message } from './conversation';

const FORMAT = 'hotbay conversations';

export function exported(conversations: readonly Conversation[]): string {
  return JSON.stringify({ format: FORMAT, version: 1, conversations }, null, 1);
}

/** The conversations in a file; throws with what is wrong with it. */
export function imported(text: string, newId: () => string): Conversation[] {
  let file: unknown;
  try {
    file = JSON.parse(text);
  } catch {
    throw new Error('This is not a JSON file');
  }
  const { format, conversations } = object(file);
  if (format !== FORMAT || !Array.isArray(conversations)) {
    throw new Error('These are no conversations of hotbay');
  }
  return conversations.map((each) => conversation(object(each), newId()));
}

type Json = Record<string, unknown>;

const object = (value: unknown): Json =>
  typeof value === 'object' && value !== null ? (value as Json) : {};
const text = (value: unknown): string => (typeof value === 'string' ? value : '');
const texts = (value: unknown): string[] => (Array.isArray(value) ? value.map(text) : []);

function conversation(given: Json, id: string): Conversation {
  const messages = Array.isArray(given.messages) ? given.messages.map(object).map(message) : [];
  const shown = Object.entries(object(given.shown)).map(([name, child]) => [name, text(child)]);
  return {
    id,
    title: text(given.title) || 'Imported',
    changed: typeof given.changed === 'number' ? given.changed : 0,
    messages,
    shown: Object.fromEntries(shown),
  };
}

function message(given: Json): Message {
  const { id, parent, text: words } = given;
  const common = {
    id: text(id),
    parent: text(parent),
    text: text(words),
    pictures: texts(given.pictures),
  };
  if (given.role !== 'assistant') return { role: 'user', ...common };
  const calls = Array.isArray(given.calls) ? given.calls.map(object) : [];
  const answer: Answer = {
    role: 'assistant',
    ...common,
    model: text(given.model),
    reasoning: text(given.reasoning),
    reasoned: typeof given.reasoned === 'number' ? given.reasoned : null,
    calls: calls.map((call) => ({ name: text(call.name), arguments: text(call.arguments) })),
    state: given.state === 'failed' || given.state === 'stopped' ? given.state : 'done',
    note: text(given.note),
    figures: Object.fromEntries(
      Object.entries(object(given.figures)).filter(([name, value]) =>
        name === 'finish' ? typeof value === 'string' : typeof value === 'number',
      ),
    ),
  };
  return answer;
}
