import { expect, test } from 'vitest';
import { answerOf, conversationOf, endings, turnsOf } from './conversation';

const text = (role: string, words: string) => ({ role, pieces: [{ kind: 'text', text: words }] });

test('a chat is its messages, with calls, results, reasoning and pictures', () => {
  const messages = [
    { role: 'system', content: 'Be brief.' },
    {
      role: 'user',
      content: [
        { type: 'text', text: 'See' },
        { type: 'image_url', image_url: { url: 'data:image/png;base64,AA' } },
      ],
    },
    {
      role: 'assistant',
      content: null,
      reasoning_content: 'Hm',
      tool_calls: [{ function: { name: 'ls', arguments: '{"a":1}' } }],
    },
    { role: 'tool', content: 'main.py' },
  ];
  expect(conversationOf({ messages })).toEqual([
    text('system', 'Be brief.'),
    {
      role: 'user',
      pieces: [
        { kind: 'text', text: 'See' },
        { kind: 'image', text: 'data:image/png;base64,AA' },
      ],
    },
    {
      role: 'assistant',
      pieces: [
        { kind: 'reasoning', text: 'Hm' },
        { kind: 'call', name: 'ls', text: '{\n  "a": 1\n}' },
      ],
    },
    { role: 'tool', pieces: [{ kind: 'result', text: 'main.py' }] },
  ]);
});

test('pictures from elsewhere are not fetched', () => {
  const url = 'https://elsewhere.example/x.png';
  const turns = conversationOf({
    messages: [{ role: 'user', content: [{ type: 'image_url', image_url: { url } }] }],
  });
  expect(turns?.[0]?.pieces[0]?.kind).toBe('other');
});

test("Anthropic's messages begin with the system, and hold blocks", () => {
  const turns = conversationOf({
    system: [{ type: 'text', text: 'Be brief.' }],
    messages: [
      {
        role: 'assistant',
        content: [
          { type: 'thinking', thinking: 'Hm' },
          { type: 'tool_use', name: 'ls', input: { a: 1 } },
        ],
      },
      {
        role: 'user',
        content: [{ type: 'tool_result', content: [{ type: 'text', text: 'main.py' }] }],
      },
    ],
  });
  expect(turns?.map(({ role, pieces }) => [role, pieces.map(({ kind }) => kind)])).toEqual([
    ['system', ['text']],
    ['assistant', ['reasoning', 'call']],
    ['user', ['result']],
  ]);
  expect(turns?.[2]?.pieces[0]?.text).toBe('main.py');
});

test('responses have instructions and items', () => {
  const turns = conversationOf({
    instructions: 'Be brief.',
    input: [
      { role: 'user', content: [{ type: 'input_text', text: 'Hello' }] },
      { type: 'function_call', name: 'ls', arguments: '{}' },
      { type: 'function_call_output', output: 'main.py' },
    ],
  });
  expect(turns?.map(({ role }) => role)).toEqual(['system', 'user', 'assistant', 'tool']);
  expect(conversationOf({ input: 'Hello' })).toEqual([text('user', 'Hello')]);
  expect(conversationOf({ prompt: 'Once' })).toEqual([text('prompt', 'Once')]);
});

test.each([
  undefined,
  null,
  5,
  'x',
  [],
  {},
  { messages: 5 },
  { messages: [null] },
  { input: ['a', 'b'] },
  { input: 'a', encoding_format: 'float' },
])('what is no conversation is none: %j', (body) => {
  expect(conversationOf(body)).toBeNull();
});

test('answers in one piece are read as well', () => {
  expect(answerOf({ choices: [{ message: { content: 'Hi' } }] })).toEqual([
    text('assistant', 'Hi'),
  ]);
  expect(answerOf({ choices: [{ text: 'Hi' }] })).toEqual([text('assistant', 'Hi')]);
  expect(
    answerOf({ type: 'message', role: 'assistant', content: [{ type: 'text', text: 'Hi' }] }),
  ).toEqual([text('assistant', 'Hi')]);
  expect(
    answerOf({
      output: [
        { type: 'message', role: 'assistant', content: [{ type: 'output_text', text: 'Hi' }] },
      ],
    }),
  ).toEqual([text('assistant', 'Hi')]);
  expect(answerOf({ data: [] })).toBeNull();
});

test('what a stream called is legible, even if it broke off', () => {
  const parts = [
    { type: 'tool_call', name: 'ls', text: '{"a":1}' },
    { type: 'tool_call', name: 'ls', text: '{"a":' },
  ];
  const turns = turnsOf({
    format: 'chat',
    model: 'a',
    complete: false,
    usage: null,
    choices: [{ index: 0, finish_reason: '', parts }],
  });
  expect(turns[0]?.pieces.map((piece) => piece.text)).toEqual(['{\n  "a": 1\n}', '{"a":']);
});

test('why an answer ended is known of every form', () => {
  expect(endings({ choices: [{ finish_reason: 'length' }, { finish_reason: null }] })).toEqual([
    'length',
  ]);
  expect(endings({ type: 'message', stop_reason: 'end_turn' })).toEqual(['end_turn']);
  expect(endings({ incomplete_details: { reason: 'max_output_tokens' } })).toEqual([
    'max_output_tokens',
  ]);
  expect(endings(null)).toEqual([]);
});
