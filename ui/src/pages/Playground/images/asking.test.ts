import { expect, test } from 'vitest';
import { fileName, openAiBody, picturesIn, sdBody, type Wish } from './asking';

const WISH: Wish = {
  model: 'm',
  prompt: 'a cat',
  negative: '',
  width: 512,
  height: 768,
  count: 2,
  steps: 20,
  cfg: 7,
  seed: -1,
  sampler: '',
  scheduler: '',
  loras: {},
  source: '',
  strength: 0.5,
};

test('OpenAI wants a size as one word', () => {
  expect(openAiBody(WISH)).toEqual({ model: 'm', prompt: 'a cat', n: 2, size: '512x768' });
  expect(openAiBody({ ...WISH, negative: 'dogs' })).toMatchObject({ negative_prompt: 'dogs' });
});

test('what was not chosen is not sent to SDAPI', () => {
  expect(sdBody(WISH)).toEqual({
    model: 'm',
    prompt: 'a cat',
    width: 512,
    height: 768,
    steps: 20,
    cfg_scale: 7,
    seed: -1,
    batch_size: 2,
  });
  const more = {
    ...WISH,
    sampler: 'euler',
    scheduler: 'karras',
    loras: { 'x.st': 0.5 },
    source: 'data:image/png;base64,AA',
  };
  expect(sdBody(more)).toMatchObject({
    sampler_name: 'euler',
    scheduler: 'karras',
    lora: [{ path: 'x.st', multiplier: 0.5 }],
    init_images: ['AA'],
    denoising_strength: 0.5,
  });
});

test('pictures are found in both forms, with their kind and seed', () => {
  expect(
    picturesIn({ data: [{ b64_json: '/9j/x' }, { url: 'https://x.org/a.png' }, null] }),
  ).toEqual({
    pictures: ['data:image/jpeg;base64,/9j/x', 'https://x.org/a.png'],
    seed: null,
  });
  expect(picturesIn({ images: ['iVBO', 'UklGRx', 'R0lGODx'], info: '{"seed": 5}' })).toEqual({
    pictures: [
      'data:image/png;base64,iVBO',
      'data:image/webp;base64,UklGRx',
      'data:image/gif;base64,R0lGODx',
    ],
    seed: 5,
  });
  expect(picturesIn({ images: ['data:image/png;base64,x'], info: 'no JSON' }).seed).toBeNull();
  expect(() => picturesIn({})).toThrow('no picture');
});

test('a file is called after its kind', () => {
  const at = new Date('2031-04-05T06:07:08Z');
  expect(fileName('data:image/jpeg;base64,x', at, 0)).toBe('picture-2031-04-05T06-07-08-1.jpg');
});
