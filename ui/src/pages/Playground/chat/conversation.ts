/**
 * A conversation is a tree: an edited question and a repeated answer are siblings of the old ones,
 * and of each group of siblings one is shown. Pure; nothing is changed in place.
 */

import type { Figures } from './figures';

export interface Question {
  role: 'user';
  id: string;
  /** The message that it follows; empty for the first. */
  parent: string;
  text: string;
  /** Data URLs. */
  pictures: string[];
}

export interface ToolCall {
  name: string;
  arguments: string;
}

export interface Answer {
  role: 'assistant';
  id: string;
  parent: string;
  model: string;
  text: string;
  reasoning: string;
  /** Milliseconds that it reasoned; null until it is over. */
  reasoned: number | null;
  calls: ToolCall[];
  pictures: string[];
  state: 'waiting' | 'streaming' | 'done' | 'stopped' | 'failed';
  /** Why it failed, or what the loading text says while it waits. */
  note: string;
  figures: Figures;
}

export type Message = Question | Answer;

export interface Conversation {
  id: string;
  title: string;
  /** Milliseconds since the epoch. */
  changed: number;
  messages: Message[];
  /** Which child of a message is shown, if not the newest. */
  shown: Record<string, string>;
}

export function empty(id: string, now: number): Conversation {
  return { id, title: '', changed: now, messages: [], shown: {} };
}

export function children(conversation: Conversation, parent: string): Message[] {
  return conversation.messages.filter((message) => message.parent === parent);
}

/** The messages that are shown, from the first on. */
export function path(conversation: Conversation): Message[] {
  const byParent = new Map<string, Message[]>();
  for (const message of conversation.messages) {
    const siblings = byParent.get(message.parent);
    if (siblings === undefined) byParent.set(message.parent, [message]);
    else siblings.push(message);
  }
  const found: Message[] = [];
  for (let parent = ''; ; ) {
    const siblings = byParent.get(parent);
    const message =
      siblings?.find(({ id }) => id === conversation.shown[parent]) ?? siblings?.at(-1);
    if (message === undefined) return found;
    found.push(message);
    byParent.delete(parent); // what was imported may go in circles
    parent = message.id;
  }
}

/** The messages before one, which it follows. */
export function before(conversation: Conversation, id: string): Message[] {
  const byId = new Map(conversation.messages.map((message) => [message.id, message]));
  const found: Message[] = [];
  let parent = byId.get(id)?.parent ?? '';
  for (let left = byId.size; left > 0; left -= 1) {
    const message = byId.get(parent);
    if (message === undefined) break;
    found.unshift(message);
    parent = message.parent;
  }
  return found;
}

/** With a message added, which is shown. */
export function added(conversation: Conversation, message: Message, now: number): Conversation {
  const messages = [...conversation.messages, message];
  const title = conversation.title || titleOf(message);
  const shown = { ...conversation.shown, [message.parent]: message.id };
  return { ...conversation, title, messages, shown, changed: now };
}

/** With a message in the place of the one with its ID. */
export function replaced(conversation: Conversation, message: Message): Conversation {
  const at = conversation.messages.findIndex(({ id }) => id === message.id);
  if (at < 0) return conversation;
  return { ...conversation, messages: conversation.messages.with(at, message) };
}

/** With another of its siblings shown instead of a message. */
export function turned(conversation: Conversation, message: Message, by: number): Conversation {
  const siblings = children(conversation, message.parent);
  const at = siblings.findIndex(({ id }) => id === message.id);
  const next = siblings[at + by];
  if (next === undefined) return conversation;
  return { ...conversation, shown: { ...conversation.shown, [message.parent]: next.id } };
}

/** Without a message and all that follows it. */
export function without(conversation: Conversation, id: string, now: number): Conversation {
  const gone = new Set([id]);
  // A message is never before the one that it follows.
  for (const message of conversation.messages) if (gone.has(message.parent)) gone.add(message.id);
  const messages = conversation.messages.filter((message) => !gone.has(message.id));
  const shown = Object.fromEntries(
    Object.entries(conversation.shown).filter(
      ([parent, child]) => !gone.has(parent) && !gone.has(child),
    ),
  );
  return { ...conversation, messages, shown, changed: now };
}

/** As it is when it is taken up again: an answer that was on its way comes no more. */
export function interrupted(conversation: Conversation): Conversation {
  const messages = conversation.messages.map((message): Message => {
    if (message.role === 'user') return message;
    const over = message.state !== 'waiting' && message.state !== 'streaming';
    return over ? message : { ...message, state: 'stopped', note: '' };
  });
  return { ...conversation, messages };
}

const LONGEST_TITLE = 60;

function titleOf(message: Message): string {
  const line = message.text.trim().split('\n', 1)[0] ?? '';
  const short = line.length > LONGEST_TITLE ? `${line.slice(0, LONGEST_TITLE - 1)}…` : line;
  return short || 'Pictures';
}

/** The messages that are shown, to be read elsewhere. */
export function asMarkdown(conversation: Conversation): string {
  const parts = path(conversation).map((message) => {
    if (message.role === 'user') {
      const pictures = message.pictures.map(() => '*(a picture)*').join(' ');
      return `## You\n\n${[pictures, message.text].filter(Boolean).join('\n\n')}\n`;
    }
    const reasoning = message.reasoning.trim();
    const thought = reasoning ? `> ${reasoning.replaceAll('\n', '\n> ')}\n\n` : '';
    return `## ${message.model}\n\n${thought}${message.text}\n`;
  });
  return [`# ${conversation.title || 'Conversation'}\n`, ...parts].join('\n');
}
