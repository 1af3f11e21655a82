/** One conversation with one model: owns what is said in it, and the answer that is on its way. */

import { request } from '$lib/api/client';
import { ApiError, explain, isAbort } from '$lib/api/errors';
import { announce } from '$lib/components/announce';
import { batches } from '$lib/live/sse';
import type { Request } from '$lib/live/state';
import { PerFrame } from '../frames';
import { headers, randomName } from '../identity';
import { bodyOf } from './body';
import type { Answer, Conversation, Message, Question } from './conversation';
import * as conversations from './conversation';
import { Growing } from './growing';
import { library } from './library.svelte';
import { type Endpoint, piecesOf, piecesOfWhole } from './pieces';
import { wishes } from './settings.svelte';
import { total, waitOf } from './waits';

/** Milliseconds from one time that a growing answer is kept to the next. */
const KEEP = 5000;

export const newId = () => randomName(12);

export class Thread {
  conversation = $state.raw<Conversation>(conversations.empty(newId(), Date.now()));
  /** What the request of the answer that is on its way is called on the server; else empty. */
  requestId = $state('');
  /** As it was before something was deleted, until it goes on. */
  deleted = $state.raw<Conversation | null>(null);

  #kept = 0;
  #abort: AbortController | undefined;
  #growing: Growing | undefined;
  #frame = new PerFrame(() => this.#draw());

  get busy(): boolean {
    return this.requestId !== '';
  }

  /** Shows another conversation; an answer that is on its way is stopped. */
  open(conversation: Conversation): void {
    this.stop();
    this.conversation = conversation;
    this.deleted = null;
  }

  /** Asks something at the end of what is shown, or with `parent` behind that message. */
  async ask(model: string, text: string, pictures: string[], parent?: string): Promise<void> {
    if (this.busy) return;
    const question: Question = {
      role: 'user',
      id: newId(),
      parent: parent ?? conversations.path(this.conversation).at(-1)?.id ?? '',
      text,
      pictures,
    };
    this.#change(conversations.added(this.conversation, question, Date.now()));
    await this.answer(model, question);
  }

  /** Has a question answered, once more if it has been before. */
  async answer(model: string, question: Message): Promise<void> {
    if (this.busy) return;
    const waiting: Answer = {
      role: 'assistant',
      id: newId(),
      parent: question.id,
      model,
      text: '',
      reasoning: '',
      reasoned: null,
      calls: [],
      pictures: [],
      state: 'waiting',
      note: '',
      figures: {},
    };
    const messages = [...conversations.before(this.conversation, question.id), question];
    this.#change(conversations.added(this.conversation, waiting, Date.now()));
    await this.#stream(waiting, messages);
  }

  stop(): void {
    this.#abort?.abort();
  }

  turn(message: Message, by: number): void {
    this.#change(conversations.turned(this.conversation, message, by));
  }

  remove(message: Message): void {
    const before = this.conversation;
    this.#change(conversations.without(before, message.id, Date.now()));
    this.deleted = before;
  }

  /** Takes back that something was deleted. */
  restore(): void {
    if (this.deleted !== null) this.#change(this.deleted);
  }

  /** Learns from the list of requests in progress how long the answer has waited for its model. */
  observe({ phases_ms: phases }: Request): void {
    if (phases !== undefined) this.#growing?.waited(total(phases));
  }

  async #stream(waiting: Answer, messages: readonly Message[]): Promise<void> {
    const abort = new AbortController();
    const growing = new Growing(waiting, performance.now());
    const conversation = this.conversation.id;
    this.#abort = abort;
    this.#growing = growing;
    this.#kept = performance.now();
    this.requestId = randomName(16);
    try {
      await this.#receive(growing, bodyOf(waiting.model, messages, wishes()), abort.signal);
      if (growing.answer.state !== 'failed') growing.end('done', '', performance.now());
    } catch (error) {
      const now = performance.now();
      if (isAbort(error)) growing.end('stopped', '', now);
      else growing.end('failed', reasonOf(error), now);
    }
    // Another conversation may be shown by now; the answer belongs to its own.
    if (this.conversation.id === conversation) this.#frame.now();
    const { requestId } = this;
    this.#growing = undefined;
    this.requestId = '';
    const { state, note } = growing.answer;
    announce(state === 'failed' ? `The answer failed: ${note}` : `The answer is ${STATES[state]}`);
    await this.#settle(conversation, growing.answer);
    const loading = await waitOf(requestId);
    if (loading === null || state === 'failed') return;
    growing.waited(loading);
    await this.#settle(conversation, growing.answer);
  }

  /** Puts an answer that is over into its conversation, wherever that is now. */
  async #settle(id: string, answer: Answer): Promise<void> {
    const here = this.conversation.id === id;
    const conversation = here ? this.conversation : await library.open(id);
    if (conversation === undefined) return; // it has been deleted
    const settled = conversations.replaced(conversation, answer);
    if (here) this.conversation = settled;
    await library.keep(settled);
  }

  async #receive(growing: Growing, body: unknown, signal: AbortSignal): Promise<void> {
    const { endpoint } = wishes();
    const answer = await request(endpoint, {
      method: 'POST',
      body: JSON.stringify(body),
      headers: { 'Content-Type': 'application/json', ...headers(this.requestId) },
      signal,
    });
    if (answer.headers.get('Content-Type')?.includes('json')) {
      this.#take(growing, piecesOfWhole(endpoint, await answer.json()));
      return;
    }
    await this.#read(growing, endpoint, answer);
  }

  async #read(growing: Growing, endpoint: Endpoint, answer: Response): Promise<void> {
    for await (const events of batches(answer)) {
      for (const event of events) this.#take(growing, piecesOf(endpoint, event));
      if (growing.over) return;
    }
  }

  #take(growing: Growing, pieces: ReturnType<typeof piecesOf>): void {
    const now = performance.now();
    for (const piece of pieces) if (growing.answer.state !== 'failed') growing.take(piece, now);
    this.#frame.soon();
  }

  #draw(): void {
    if (this.#growing === undefined) return;
    this.conversation = conversations.replaced(this.conversation, this.#growing.answer);
    const now = performance.now();
    if (now - this.#kept < KEEP) return;
    this.#kept = now;
    void library.keep(this.conversation);
  }

  #change(conversation: Conversation): void {
    if (conversation === this.conversation) return;
    this.deleted = null;
    this.conversation = conversation;
    void library.keep(conversation);
  }
}

const STATES = { waiting: '', streaming: '', done: 'complete', stopped: 'stopped', failed: '' };

/** The words of whoever is to blame. */
function reasonOf(error: unknown): string {
  if (error instanceof ApiError || !(error instanceof TypeError)) return explain(error);
  return `The connection broke off: ${error.message}`;
}
