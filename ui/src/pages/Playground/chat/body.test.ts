import { expect, test } from 'vitest';
import { bodyOf, type Wishes, wrongMore } from './body';
import type { Message } from './conversation';

const NOTHING: Wishes = {
  endpoint: 'v1/chat/completions',
  system: ' ',
  sampling: {
    temperature: null,
    top_p: null,
    top_k: null,
    min_p: null,
    repeat_penalty: null,
    presence_penalty: null,
    frequency_penalty: null,
    seed: null,
    max_tokens: null,
  },
  stop: '',
  effort: '',
  more: '',
};
const PICTURE = 'data:image/png;base64,AAAA';
const MESSAGES: Message[] = [
  { role: 'user', id: 'q', parent: '', text: 'What?', pictures: [PICTURE] },
  {
    role: 'assistant',
    id: 'a',
    parent: 'q',
    model: 'm',
    text: 'That.',
    reasoning: 'Hm',
    reasoned: 1,
    calls: [],
    pictures: [],
    state: 'done',
    note: '',
    figures: {},
  },
];

test('what nobody wished for is not sent', () => {
  expect(bodyOf('m', [], NOTHING)).toEqual({
    model: 'm',
    messages: [],
    stream: true,
    stream_options: { include_usage: true },
  });
});

test('a chat has its pictures in front of the text, and no reasoning', () => {
  const wishes = {
    ...NOTHING,
    system: ' Be brief. ',
    sampling: { ...NOTHING.sampling, temperature: 0, max_tokens: 5 },
    stop: 'END\n',
    effort: 'low',
    more: '{"n_probs": 1, "stream": false}',
  };
  expect(bodyOf('m', MESSAGES, wishes)).toMatchObject({
    messages: [
      { role: 'system', content: 'Be brief.' },
      {
        role: 'user',
        content: [
          { type: 'image_url', image_url: { url: PICTURE } },
          { type: 'text', text: 'What?' },
        ],
      },
      { role: 'assistant', content: 'That.' },
    ],
    temperature: 0,
    max_tokens: 5,
    stop: ['END'],
    reasoning_effort: 'low',
    n_probs: 1,
    stream: false,
  });
});

test('Messages needs to know how long the answer may be', () => {
  expect(bodyOf('m', MESSAGES, { ...NOTHING, endpoint: 'v1/messages', system: 'x' })).toEqual({
    model: 'm',
    system: 'x',
    max_tokens: 4096,
    stream: true,
    messages: [
      {
        role: 'user',
        content: [
          { type: 'image', source: { type: 'base64', media_type: 'image/png', data: 'AAAA' } },
          { type: 'text', text: 'What?' },
        ],
      },
      { role: 'assistant', content: 'That.' },
    ],
  });
});

test('Responses calls the parts of a message by who says them', () => {
  expect(bodyOf('m', MESSAGES, { ...NOTHING, endpoint: 'v1/responses' }).input).toEqual([
    {
      role: 'user',
      content: [
        { type: 'input_image', image_url: PICTURE },
        { type: 'input_text', text: 'What?' },
      ],
    },
    { role: 'assistant', content: [{ type: 'output_text', text: 'That.' }] },
  ]);
});

test('more members have to be an object', () => {
  expect(wrongMore('')).toBe('');
  expect(wrongMore('{"a": 1}')).toBe('');
  expect(wrongMore('[1]')).toContain('object');
  expect(wrongMore('{')).not.toBe('');
  expect(bodyOf('m', [], { ...NOTHING, more: '{' })).toMatchObject({ model: 'm' });
});

test('an answer that says nothing is left out, and questions in a row become one', () => {
  const [question, answer] = MESSAGES as [Message, Message];
  const failed = { ...answer, text: '' };
  const again = { ...question, text: 'Again?', pictures: [] };
  expect(bodyOf('m', [question, failed, again, answer], NOTHING)).toMatchObject({
    messages: [
      {
        role: 'user',
        content: [
          { type: 'image_url', image_url: { url: PICTURE } },
          { type: 'text', text: 'What?\n\nAgain?' },
        ],
      },
      { role: 'assistant', content: 'That.' },
    ],
  });
});
