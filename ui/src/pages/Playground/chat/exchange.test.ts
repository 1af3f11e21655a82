import { expect, test } from 'vitest';
import { added, type Conversation, empty } from './conversation';
import { exported, imported } from './exchange';

const QUESTION = { role: 'user', id: 'q', parent: '', text: 'Hi', pictures: ['data:x'] } as const;

function talk(): Conversation {
  const answer = {
    role: 'assistant',
    id: 'a',
    parent: 'q',
    model: 'm',
    text: 'Hello',
    reasoning: 'Hm',
    reasoned: 3,
    calls: [{ name: 'look', arguments: '{}' }],
    pictures: [],
    state: 'stopped',
    note: '',
    figures: { generated: 2, finish: 'stop' },
  } as const;
  const first = added(empty('c', 1), { ...QUESTION, pictures: [...QUESTION.pictures] }, 2);
  return added(first, { ...answer, calls: [...answer.calls], pictures: [] }, 3);
}

test('what was exported is the same after an import, under another ID', () => {
  expect(imported(exported([talk()]), () => 'new')).toEqual([{ ...talk(), id: 'new' }]);
});

test.each(['', '{}', '[]', '{"format": "x", "conversations": []}'])('%j is refused', (text) => {
  expect(() => imported(text, () => 'new')).toThrow(/JSON|hotbay/);
});

test('whatever a file says, only what is understood is taken', () => {
  const file = JSON.parse(exported([talk()]));
  file.conversations = [
    null,
    { messages: [{ role: 'assistant', text: 5, calls: [1], figures: { first: 'x', a: {} } }] },
  ];
  expect(imported(JSON.stringify(file), () => 'new')).toMatchObject([
    { id: 'new', title: 'Imported', messages: [] },
    { messages: [{ text: '', calls: [{ name: '' }], figures: {}, state: 'done' }] },
  ]);
});
