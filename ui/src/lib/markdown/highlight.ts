/** Code in colours, as pieces of text with a class each: no markup is made of it. */

import { createLowlight } from 'lowlight';
import { grammarsOf } from './languages';

export interface Piece {
  text: string;
  /** What the text is, such as `keyword`; empty for nothing in particular. */
  kind: string;
}

/** Characters; more code than this stays as it is. */
const LONGEST = 50_000;

const lowlight = createLowlight();

interface Node {
  type: string;
  value?: string;
  properties?: { className?: unknown };
  children?: Node[];
}

/** The pieces of a code; null if its language is not known. */
export async function highlighted(code: string, language: string): Promise<Piece[] | null> {
  const grammars = grammarsOf(language);
  if (grammars === null || code.length > LONGEST) return null;
  for (const [name, load] of grammars) {
    if (!lowlight.registered(name)) lowlight.register(name, (await load()).default);
  }
  const [[name] = ['']] = grammars;
  const pieces: Piece[] = [];
  collect(lowlight.highlight(name, code) as Node, '', pieces);
  return pieces;
}

function collect(node: Node, kind: string, pieces: Piece[]): void {
  if (node.type === 'text') {
    if (node.value) pieces.push({ text: node.value, kind });
    return;
  }
  const names = node.properties?.className;
  const own = Array.isArray(names) ? String(names[0]).replace(/^hljs-/, '') : kind;
  for (const child of node.children ?? []) collect(child, own, pieces);
}
