/** What a Markdown text consists of, as it is drawn: no markup, and only addresses that are safe. */

export type Inline =
  | { kind: 'text'; text: string }
  | { kind: 'code'; text: string }
  | { kind: 'strong'; inlines: Inline[] }
  | { kind: 'emphasis'; inlines: Inline[] }
  | { kind: 'struck'; inlines: Inline[] }
  | { kind: 'link'; href: string; inlines: Inline[] }
  /** A picture from elsewhere is not fetched: that would tell others what is read here. */
  | { kind: 'picture'; text: string; href: string | null }
  | { kind: 'formula'; text: string; display: boolean }
  | { kind: 'break' };

export type Align = 'start' | 'center' | 'end';

export interface Item {
  /** Whether a task is done; null if it is none. */
  done: boolean | null;
  blocks: Block[];
}

export type Block =
  | { kind: 'heading'; level: number; inlines: Inline[] }
  | { kind: 'paragraph'; inlines: Inline[] }
  | { kind: 'code'; language: string; text: string; closed: boolean }
  | { kind: 'formula'; text: string }
  | { kind: 'quote'; blocks: Block[] }
  | { kind: 'list'; start: number | null; items: Item[] }
  | { kind: 'table'; aligns: Align[]; head: Inline[][]; rows: Inline[][][] }
  | { kind: 'rule' };
