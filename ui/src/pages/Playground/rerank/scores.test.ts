import { expect, test } from 'vitest';
import { fromJson, ordered, scores, sent } from './scores';

const DOCUMENTS = ['a', ' ', 'b', 'c', ''];

test('empty documents are not sent, and scores go to where the others stand', () => {
  expect(sent(DOCUMENTS).map(({ text }) => text)).toEqual(['a', 'b', 'c']);
  const answer = {
    results: [
      { index: 1, relevance_score: 2 },
      { index: 0, relevance_score: -1 },
      { index: 9, relevance_score: 5 },
    ],
  };
  expect([...scores(DOCUMENTS, answer)]).toEqual([
    [2, 2],
    [0, -1],
  ]);
  expect(scores(DOCUMENTS, {}).size).toBe(0);
});

test('documents are ordered by score, without one they come last', () => {
  const found = new Map([
    [2, 2],
    [0, -1],
  ]);
  expect(ordered(5, found, 'best')).toEqual([2, 0, 1, 3, 4]);
  expect(ordered(5, found, 'worst')).toEqual([0, 2, 1, 3, 4]);
  expect(ordered(5, found, 'written')).toEqual([0, 1, 2, 3, 4]);
});

test('JSON is taken if it is a query and documents', () => {
  expect(fromJson('{"query": "q", "documents": ["a"]}')).toEqual({ query: 'q', documents: ['a'] });
  expect(() => fromJson('{')).toThrow();
  expect(() => fromJson('null')).toThrow('query');
  expect(() => fromJson('{"query": "q", "documents": [1]}')).toThrow('documents');
});
