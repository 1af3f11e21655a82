import { expect, test } from 'vitest';
import { errorOf } from './errors';

async function said(body: unknown): Promise<string> {
  const { message, source } = await errorOf(new Response(JSON.stringify(body), { status: 422 }));
  return `${source}: ${message}`;
}

test('what went wrong is found in the forms that servers use', async () => {
  expect(await said({ error: { message: 'no' } })).toBe('model server: no');
  expect(await said({ error: 'no', src: 'llama-swap' })).toBe('hotbay: no');
  expect(await said({ detail: 'no voice' })).toBe('model server: no voice');
  expect(await said({ detail: [{ loc: ['body', 'speed'], msg: 'too large', type: 't' }] })).toBe(
    'model server: body.speed: too large',
  );
});

test('what has another form is shown as it is', async () => {
  expect(await said({ reason: 'no' })).toBe('model server: {"reason":"no"}');
  expect(await said({ detail: [1] })).toBe('model server: {"detail":[1]}');
  const empty = new Response('', { status: 500, statusText: 'Oh' });
  expect((await errorOf(empty)).message).toBe('500 Oh');
});
