/**
 * Markdown (CommonMark with GitHub's tables, tasks and links) and mathematics to a tree. Pure.
 *
 * HTML in it stays text: what a model writes, or quotes, is never markup of this page.
 */

import { Lexer, Marked, type MarkedToken, type Token, type Tokens } from 'marked';
import { followable } from './addresses';
import { type FormulaToken, formulas } from './formulas';
import type { Block, Inline } from './tree';

/** Beyond it a text is shown as it is: nobody reads quotes of that depth. */
const DEEPEST = 24;

/** Characters of one block; a longer one is shown as it is, because parsing might take long. */
const LONGEST = 100_000;

/** Characters of one paragraph or cell; in a longer one nothing is looked for. */
const LONGEST_RUN = 20_000;

/** Characters of a word, such as a file in base64; to look for addresses in it takes their square. */
const LONGEST_WORD = 2000;

/** What is no letter, digit or mark of ASCII, which is all that an address consists of. */
const BETWEEN_WORDS = /[^!-~]+/;

const FENCE = /^ {0,3}(`{3,}|~{3,})/;

const marked = new Marked({ gfm: true, extensions: formulas });

export function parse(text: string): Block[] {
  if (text.length > LONGEST) return [plain(text)];
  try {
    return blocks(lexed(text), 0);
  } catch {
    return [plain(text)]; // nested so deeply that the parser ran out of stack
  }
}

/** As `marked.lexer`, but what is in a block is looked for only where that is quick. */
function lexed(text: string): Token[] {
  const lexer = new Lexer(marked.defaults);
  lexer.blockTokens(text.replaceAll(/\r\n?/g, '\n'), lexer.tokens);
  for (const { src, tokens } of lexer.inlineQueue) {
    lexer.state.inRawBlock = false;
    if (isQuick(src)) lexer.inlineTokens(src, tokens);
    else tokens.push({ type: 'text', raw: src, text: src });
  }
  return lexer.tokens;
}

function isQuick(run: string): boolean {
  if (run.length > LONGEST_RUN) return false;
  return run.split(BETWEEN_WORDS).every(({ length }) => length <= LONGEST_WORD);
}

function plain(text: string): Block {
  return { kind: 'code', language: '', text, closed: true };
}

function blocks(tokens: readonly Token[], depth: number): Block[] {
  if (depth > DEEPEST) return [plain(tokens.map(({ raw }) => raw).join(''))];
  return tokens.flatMap((token) => block(token as MarkedToken | FormulaToken, depth));
}

function block(token: MarkedToken | FormulaToken, depth: number): Block[] {
  switch (token.type) {
    case 'heading':
      return [{ kind: 'heading', level: token.depth, inlines: inlines(token.tokens ?? [], depth) }];
    case 'paragraph':
      return [{ kind: 'paragraph', inlines: inlines(token.tokens ?? [], depth) }];
    case 'text':
      // Of a list whose items are no paragraphs.
      return [
        { kind: 'paragraph', inlines: inlines((token as Tokens.Text).tokens ?? [token], depth) },
      ];
    case 'code':
      return [code(token as Tokens.Code)];
    case 'formula':
      return [{ kind: 'formula', text: token.text }];
    case 'blockquote':
      return [{ kind: 'quote', blocks: blocks(token.tokens ?? [], depth + 1) }];
    case 'list':
      return [list(token as Tokens.List, depth)];
    case 'table':
      return [table(token as Tokens.Table, depth)];
    case 'hr':
      return [{ kind: 'rule' }];
    case 'html':
      return [{ kind: 'paragraph', inlines: [{ kind: 'text', text: token.raw.trimEnd() }] }];
    default:
      return []; // blank lines and definitions
  }
}

function code(token: Tokens.Code): Block {
  const mark = FENCE.exec(token.raw)?.[1];
  const last = token.raw.trimEnd().split('\n').at(-1)?.trim() ?? '';
  return {
    kind: 'code',
    language: /^\S*/.exec(token.lang ?? '')?.[0].toLowerCase() ?? '',
    text: token.text,
    closed: mark === undefined || (last.startsWith(mark) && token.raw.includes('\n')),
  };
}

function list(token: Tokens.List, depth: number): Block {
  return {
    kind: 'list',
    start: token.ordered ? Number(token.start) : null,
    items: token.items.map((item) => ({
      done: item.task ? item.checked === true : null,
      blocks: blocks(
        item.tokens.filter(({ type }) => type !== 'checkbox'),
        depth + 1,
      ),
    })),
  };
}

function table(token: Tokens.Table, depth: number): Block {
  const cells = (row: Tokens.TableCell[]) => row.map((cell) => inlines(cell.tokens, depth));
  return {
    kind: 'table',
    aligns: token.align.map((align) =>
      align === 'center' ? 'center' : align === 'right' ? 'end' : 'start',
    ),
    head: cells(token.header),
    rows: token.rows.map(cells),
  };
}

function inlines(tokens: readonly Token[], depth: number): Inline[] {
  if (depth > DEEPEST) return [{ kind: 'text', text: tokens.map(({ raw }) => raw).join('') }];
  return tokens.flatMap((token) => inline(token as MarkedToken | FormulaToken, depth));
}

function inline(token: MarkedToken | FormulaToken, depth: number): Inline[] {
  switch (token.type) {
    case 'strong':
      return [{ kind: 'strong', inlines: inlines(token.tokens ?? [], depth + 1) }];
    case 'em':
      return [{ kind: 'emphasis', inlines: inlines(token.tokens ?? [], depth + 1) }];
    case 'del':
      return [{ kind: 'struck', inlines: inlines(token.tokens ?? [], depth + 1) }];
    case 'codespan':
      return [{ kind: 'code', text: token.text }];
    case 'br':
      return [{ kind: 'break' }];
    case 'link':
      return link(token as Tokens.Link, depth);
    case 'image':
      return [{ kind: 'picture', text: decoded(token.text), href: followable(token.href) }];
    case 'formula':
      return [{ kind: 'formula', text: token.text, display: token.display }];
    case 'html':
      // The one tag that models write in tables because Markdown has no other way.
      if (/^<br\s*\/?>$/i.test(token.raw)) return [{ kind: 'break' }];
      return [{ kind: 'text', text: token.raw }];
    case 'escape':
      return [{ kind: 'text', text: token.text }];
    default:
      return [{ kind: 'text', text: decoded(token.raw) }];
  }
}

function link(token: Tokens.Link, depth: number): Inline[] {
  const inside = inlines(token.tokens, depth + 1);
  const href = followable(token.href);
  return href === null ? inside : [{ kind: 'link', href, inlines: inside }];
}

const ENTITY = /&(?:#\d{1,7}|#x[\da-f]{1,6}|[a-z][a-z\d]{1,31});/gi;

/** What references mean that have been asked for; those that there are by name are some 2000. */
const known = new Map<string, string>();

/** A text with its character references resolved; the browser knows them all. */
function decoded(text: string): string {
  if (!text.includes('&')) return text;
  return text.replace(ENTITY, (entity) => {
    const meaning = known.get(entity) ?? meaningOf(entity);
    if (known.size < 4000) known.set(entity, meaning);
    return meaning;
  });
}

function meaningOf(entity: string): string {
  const page = new DOMParser().parseFromString(entity, 'text/html');
  return page.documentElement.textContent ?? entity;
}
