import { expect, test } from 'vitest';
import { EventParser } from '$lib/live/sse';
import type { Answer } from './conversation';
import { figureWords, wasCut } from './figures';
import { Growing } from './growing';
import { type Endpoint, piecesOf, piecesOfWhole } from './pieces';

const WAITING: Answer = {
  role: 'assistant',
  id: 'a',
  parent: 'q',
  model: 'm',
  text: '',
  reasoning: '',
  reasoned: null,
  calls: [],
  pictures: [],
  state: 'waiting',
  note: '',
  figures: {},
};

/** The answer to a stream that comes in pieces of a size, each 10 ms after the one before. */
function answered(endpoint: Endpoint, stream: string, size: number): Answer {
  const parser = new EventParser();
  const growing = new Growing(WAITING, 0);
  let now = 0;
  for (let at = 0; at < stream.length && !growing.over; at += size) {
    now += 10;
    for (const event of parser.push(stream.slice(at, at + size))) {
      for (const piece of piecesOf(endpoint, event)) growing.take(piece, now);
    }
  }
  if (growing.answer.state !== 'failed') growing.end('done', '', now);
  return growing.answer;
}

const sse = (...events: unknown[]) =>
  events
    .map((data) => `data: ${typeof data === 'string' ? data : JSON.stringify(data)}\n\n`)
    .join('');
const delta = (delta: unknown, finish_reason: string | null = null) => ({
  choices: [{ index: 0, delta, finish_reason }],
});
const reason = (reasoning_content: string) => delta({ reasoning_content });

const CHAT = sse(
  delta({ role: 'assistant', content: null }),
  reason('Think'),
  reason('ing'),
  delta({ content: 'An' }),
  'not JSON',
  delta({ content: 'swer ✓' }),
  delta({ tool_calls: [{ index: 0, id: 'x', function: { name: 'look', arguments: '{"a"' } }] }),
  delta({ tool_calls: [{ index: 0, function: { arguments: ':1}' } }] }),
  delta({}, 'length'),
  {
    choices: [],
    usage: { prompt_tokens: 9, completion_tokens: 4, prompt_tokens_details: { cached_tokens: 2 } },
    timings: {
      prompt_n: 7,
      cache_n: 2,
      prompt_per_second: 100,
      predicted_n: 4,
      predicted_per_second: 50,
    },
  },
  '[DONE]',
);

const MESSAGES = sse(
  { type: 'message_start', message: { usage: { input_tokens: 7, cache_read_input_tokens: 2 } } },
  { type: 'content_block_start', index: 0, content_block: { type: 'thinking', thinking: '' } },
  {
    type: 'content_block_delta',
    index: 0,
    delta: { type: 'thinking_delta', thinking: 'Thinking' },
  },
  { type: 'content_block_delta', index: 1, delta: { type: 'text_delta', text: 'Answer ✓' } },
  {
    type: 'content_block_start',
    index: 2,
    content_block: { type: 'tool_use', name: 'look', input: {} },
  },
  { type: 'content_block_delta', index: 2, delta: { partial_json: '{"a"' } },
  { type: 'content_block_delta', index: 2, delta: { partial_json: ':1}' } },
  { type: 'message_delta', delta: { stop_reason: 'max_tokens' }, usage: { output_tokens: 4 } },
  { type: 'message_stop' },
);

const RESPONSES = sse(
  { type: 'response.created', response: {} },
  { type: 'response.reasoning_summary_text.delta', delta: 'Thinking' },
  { type: 'response.output_text.delta', delta: 'Answer ' },
  { type: 'response.output_text.delta', delta: '✓' },
  {
    type: 'response.output_item.added',
    output_index: 1,
    item: { type: 'function_call', name: 'look' },
  },
  { type: 'response.function_call_arguments.delta', output_index: 1, delta: '{"a":1}' },
  {
    type: 'response.incomplete',
    response: {
      incomplete_details: { reason: 'max_output_tokens' },
      usage: { input_tokens: 9, output_tokens: 4, input_tokens_details: { cached_tokens: 2 } },
    },
  },
);

test.each([
  ['v1/chat/completions', CHAT],
  ['v1/messages', MESSAGES],
  ['v1/responses', RESPONSES],
] as const)('%s is understood however its stream is cut', (endpoint, stream) => {
  for (const size of [1, 7, stream.length]) {
    const answer = answered(endpoint, stream, size);
    expect(answer).toMatchObject({
      state: 'done',
      text: 'Answer ✓',
      reasoning: 'Thinking',
      calls: [{ name: 'look', arguments: '{"a":1}' }],
      figures: { prompt: 7, cached: 2, generated: 4 },
    });
    expect(wasCut(answer.figures)).toBe(true);
  }
});

test('pictures are found where the servers put them', () => {
  const made = { type: 'image_generation_call', result: 'AAAA', output_format: 'webp' };
  const done = { type: 'response.output_item.done', output_index: 0, item: made };
  const image = { type: 'image_url', image_url: { url: 'data:image/png;base64,BBBB' } };
  const pictures = (endpoint: Endpoint, event: unknown) =>
    answered(endpoint, sse(event), 1000).pictures;
  expect(pictures('v1/responses', done)).toEqual(['data:image/webp;base64,AAAA']);
  expect(pictures('v1/chat/completions', delta({ images: [image] }))).toEqual([
    image.image_url.url,
  ]);
  expect(piecesOfWhole('v1/responses', { output: [made] })).toContainEqual({
    picture: 'data:image/webp;base64,AAAA',
  });
});

test('the times are taken of what the model says, not of what the server says', () => {
  const { figures, reasoned } = answered('v1/chat/completions', CHAT, CHAT.length);
  expect(figures).toMatchObject({ first: 10, total: 10, generatedSpeed: 50, promptSpeed: 100 });
  expect(reasoned).toBe(0);
});

test('an answer that is no stream is understood too', () => {
  const message = { content: 'Answer', reasoning_content: 'Thinking' };
  const growing = new Growing(WAITING, 0);
  const whole = { choices: [{ message, finish_reason: 'stop' }], usage: { completion_tokens: 3 } };
  for (const piece of piecesOfWhole('v1/chat/completions', whole)) growing.take(piece, 5);
  expect(growing.answer).toMatchObject({ text: 'Answer', reasoning: 'Thinking' });
  expect(growing.answer.figures).toMatchObject({ generated: 3, finish: 'stop' });
  expect(growing.over).toBe(true);
});

test('an error in the middle of a stream is told, and what came before is kept', () => {
  const error = { src: 'llama-swap', error: { message: 'the model died' } };
  const stream = sse(delta({ content: 'Half an' }), error, '[DONE]');
  for (const size of [1, stream.length]) {
    expect(answered('v1/chat/completions', stream, size)).toMatchObject({
      state: 'failed',
      note: 'the model died',
      text: 'Half an',
    });
  }
});

const LOADING =
  '━━━━━\nllama-swap loading model: m\n..\nQueue position: #2 .\nDone! (2.00s)\n━━━━━\n \n';

test('the loading text is no reasoning, wherever it is cut', () => {
  for (let cut = 1; cut < LOADING.length; cut += 1) {
    const growing = new Growing(WAITING, 0);
    growing.take({ reasoning: LOADING.slice(0, cut) }, 1);
    growing.take({ reasoning: LOADING.slice(cut) }, 2);
    growing.take({ reasoning: 'Hm' }, 3);
    growing.take({ text: 'Yes' }, 4);
    expect(growing.answer).toMatchObject({ reasoning: 'Hm', text: 'Yes', note: '' });
    expect(growing.answer.figures.first).toBe(3);
  }
});

test('the loading text is shown by its last line', () => {
  const growing = new Growing(WAITING, 0);
  growing.take({ reasoning: '━━━━━\nllama-swap loading model: m\n' }, 1);
  expect(growing.answer).toMatchObject({ state: 'waiting', note: 'Loading model: m' });
  growing.take({ reasoning: '...\nQueue position: #2 ..' }, 1);
  expect(growing.answer.note).toBe('Queue position: #2');
});

test('a loading text may come twice', () => {
  const growing = new Growing(WAITING, 0);
  growing.take({ reasoning: LOADING + LOADING }, 1);
  growing.take({ reasoning: 'Hm' }, 2);
  expect(growing.answer.reasoning).toBe('Hm');
});

test('reasoning that begins like a loading text is reasoning', () => {
  const growing = new Growing(WAITING, 0);
  growing.take({ reasoning: '━━' }, 1);
  growing.take({ reasoning: ' a line' }, 1);
  expect(growing.answer.reasoning).toBe('━━ a line');
  const short = new Growing(WAITING, 0);
  short.take({ reasoning: '━━' }, 1);
  short.end('done', '', 2);
  expect(short.answer.reasoning).toBe('━━');
});

test('reasoning that the server left in the text is taken out of it', () => {
  const source = '<think>\nHm\n</think>\n\nYes';
  for (let cut = 1; cut < source.length; cut += 1) {
    const growing = new Growing(WAITING, 0);
    growing.take({ text: source.slice(0, cut) }, 1);
    growing.take({ text: source.slice(cut) }, 2);
    growing.end('done', '', 3);
    expect(growing.answer.reasoning.trim()).toBe('Hm');
    expect(growing.answer.text.trim()).toBe('Yes');
  }
});

test('a text that is stopped keeps what came', () => {
  const growing = new Growing(WAITING, 0);
  growing.take({ text: '<thi' }, 1);
  growing.end('stopped', '', 2);
  expect(growing.answer).toMatchObject({ text: '<thi', state: 'stopped' });
});

test('figures are measured here if the server does not tell', () => {
  const names = figureWords({ first: 500, loading: 400, total: 2500, pieces: 20 });
  expect(Object.fromEntries(names.map(({ name, value }) => [name, value]))).toEqual({
    'first token': '100 ms',
    'load wait': '400 ms',
    generation: '10.00 t/s',
    generated: 'about 20',
    total: '2.5 s',
  });
});
