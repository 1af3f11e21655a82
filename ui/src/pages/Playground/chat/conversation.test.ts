import { expect, test } from 'vitest';
import {
  type Answer,
  added,
  asMarkdown,
  before,
  type Conversation,
  empty,
  interrupted,
  path,
  type Question,
  replaced,
  turned,
  without,
} from './conversation';

const question = (id: string, parent: string, text = id): Question => ({
  role: 'user',
  id,
  parent,
  text,
  pictures: [],
});

const answer = (id: string, parent: string): Answer => ({
  role: 'assistant',
  id,
  parent,
  model: 'm',
  text: id,
  reasoning: '',
  reasoned: null,
  calls: [],
  pictures: [],
  state: 'done',
  note: '',
  figures: {},
});

const ids = (conversation: Conversation) => path(conversation).map(({ id }) => id);

function talk(): Conversation {
  const messages = [
    question('q1', ''),
    answer('a1', 'q1'),
    question('q2', 'a1'),
    answer('a2', 'q2'),
  ];
  return messages.reduce((all, message) => added(all, message, 5), empty('c', 1));
}

test('a message is shown behind the one it follows', () => {
  expect(ids(talk())).toEqual(['q1', 'a1', 'q2', 'a2']);
  expect(before(talk(), 'q2').map(({ id }) => id)).toEqual(['q1', 'a1']);
});

test('a new branch is shown, and the old one can be shown again with all that followed', () => {
  const edited = added(talk(), question('q3', ''), 6);
  expect(ids(edited)).toEqual(['q3']);
  const back = turned(edited, path(edited)[0] as Question, -1);
  expect(ids(back)).toEqual(['q1', 'a1', 'q2', 'a2']);
  expect(turned(back, path(back)[0] as Question, -1)).toBe(back);
});

test('without a message its answers are gone as well, and another branch is shown', () => {
  const edited = added(talk(), question('q3', 'a1'), 6);
  expect(ids(without(edited, 'q3', 7))).toEqual(['q1', 'a1', 'q2', 'a2']);
  expect(without(edited, 'a1', 7).messages.map(({ id }) => id)).toEqual(['q1']);
});

test('a message is replaced in its place', () => {
  const changed = replaced(talk(), { ...answer('a1', 'q1'), text: 'new' });
  expect(path(changed).map(({ text }) => text)).toEqual(['q1', 'new', 'q2', 'a2']);
});

test('it is called after the first line of the first question', () => {
  expect(talk().title).toBe('q1');
  const long = added(empty('c', 1), question('q', '', `${'x'.repeat(80)}\nmore`), 2);
  expect(long.title).toBe(`${'x'.repeat(59)}…`);
});

test('messages that follow each other in a circle do no harm', () => {
  const messages = [question('q', ''), answer('a', 'b'), question('b', 'a')];
  const broken = { ...empty('c', 1), messages };
  expect(ids(broken)).toEqual(['q']);
  expect(before(broken, 'a').length).toBeLessThanOrEqual(3);
});

test('it can be written down', () => {
  const thoughtful = { ...answer('a1', 'q1'), reasoning: 'x\ny' };
  expect(asMarkdown(replaced(talk(), thoughtful))).toMatch(
    /^# q1\n\n## You\n\nq1\n\n## m\n\n> x\n> y\n\na1\n/,
  );
});

test('an answer that was on its way when the page was left has been stopped', () => {
  const coming: Answer = { ...answer('a1', 'q1'), text: 'Half', state: 'streaming', note: 'x' };
  const messages = [question('q1', ''), coming, answer('a2', 'q1')];
  const kept = interrupted({ ...empty('c', 1), messages });
  expect(kept.messages[1]).toMatchObject({ text: 'Half', state: 'stopped', note: '' });
  expect([kept.messages[0], kept.messages[2]]).toEqual([messages[0], messages[2]]);
});
