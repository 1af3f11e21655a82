/** What is known of how an answer was made. Pure. */

import { count, lasting, speed } from '$lib/format';

export interface Figures {
  /** Tokens of the prompt that were processed, and those that were known already. */
  prompt?: number;
  cached?: number;
  /** Tokens of the answer. */
  generated?: number;
  /** Tokens per second. */
  promptSpeed?: number;
  generatedSpeed?: number;
  /** Milliseconds until the model said something, of which it was waited for its loading. */
  first?: number;
  loading?: number;
  /** Milliseconds until the end. */
  total?: number;
  /** Why it ended, as the server calls it. */
  finish?: string;
  /** The pieces in which it came, about as many as tokens. */
  pieces?: number;
}

/** 85 ms, 1.2 s, 12 s. */
export function short(milliseconds: number): string {
  if (milliseconds < 1000) return `${Math.round(Math.max(0, milliseconds))} ms`;
  return lasting(milliseconds);
}

/** Each figure with its name and what it is, those that are known. */
export function figureWords(figures: Figures): { name: string; value: string; about: string }[] {
  const words: { name: string; value: string; about: string }[] = [];
  const add = (name: string, value: string, about: string) => words.push({ name, value, about });
  const { first, loading = 0, total, prompt, cached = 0, generated, pieces } = figures;
  if (first !== undefined) {
    add('first token', short(first - loading), 'From the model being ready to its first token');
  }
  if (loading >= 100)
    add('load wait', short(loading), 'In the queue and until the model was loaded');
  const rate = generationSpeed(figures);
  if (rate !== undefined) add('generation', speed(rate), 'Tokens per second of the answer');
  const prefill = promptSpeed(figures);
  if (prefill !== undefined) add('prompt speed', speed(prefill), 'Tokens per second of the prompt');
  if (prompt !== undefined) {
    const known = cached > 0 ? ` + ${count(cached)} cached` : '';
    add(
      'prompt',
      `${count(prompt)}${known}`,
      'Tokens of the prompt; cached ones were known already',
    );
  }
  if (generated !== undefined) add('generated', count(generated), 'Tokens of the answer');
  else if (pieces)
    add('generated', `about ${count(pieces)}`, 'Pieces of the stream; the server told no tokens');
  if (total !== undefined) add('total', short(total), 'From the question to the end of the answer');
  if (figures.finish) add('ended', figures.finish, 'Why, as the server calls it');
  return words;
}

/** As the server measured it, else as long as the first token took. */
function promptSpeed(figures: Figures): number | undefined {
  const { promptSpeed: told, prompt, first, loading = 0 } = figures;
  if (told !== undefined) return told;
  if (!prompt || first === undefined || first - loading < SHORTEST) return undefined;
  return (1000 * prompt) / (first - loading);
}

/** Milliseconds; a shorter time tells nothing of a speed. */
const SHORTEST = 100;

/** As the server measured it, else as it was seen here. */
function generationSpeed(figures: Figures): number | undefined {
  if (figures.generatedSpeed !== undefined) return figures.generatedSpeed;
  const { first, total, generated = figures.pieces } = figures;
  if (first === undefined || total === undefined || !generated) return undefined;
  if (total - first < SHORTEST) return undefined;
  return (1000 * generated) / (total - first);
}

/** Whether the answer ended because it might become no longer. */
export function wasCut(figures: Figures): boolean {
  return ['length', 'max_tokens', 'max_output_tokens', 'limit'].includes(figures.finish ?? '');
}
