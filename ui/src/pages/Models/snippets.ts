/** Ready texts for clients of a model. Pure. */

import type { ModelStatus } from '$lib/live/wire';

export interface Snippet {
  title: string;
  text: string;
}

/** `server` ends in `/`. With `keyed`, a place for a key is left. */
export function snippets(server: string, model: ModelStatus, keyed: boolean): Snippet[] {
  const [path, body] = requestFor(model);
  const key = keyed ? 'YOUR_KEY' : 'none';
  const auth = keyed ? ` \\\n  -H 'Authorization: Bearer YOUR_KEY'` : '';
  const json = JSON.stringify(body).replaceAll("'", `'"'"'`);
  const curl = `curl ${server}${path}${auth} \\
  -H 'Content-Type: application/json' \\
  -d '${json}'`;
  const environment = `export OPENAI_BASE_URL=${server}v1
export OPENAI_API_KEY=${key}
export ANTHROPIC_BASE_URL=${server.replace(/\/$/, '')}
export ANTHROPIC_API_KEY=${key}`;
  const all = [{ title: 'curl', text: curl }];
  if (path === 'v1/chat/completions') {
    all.push({ title: 'Python, with the openai package', text: python(server, model.id, key) });
  }
  return [...all, { title: 'Environment of other programs', text: environment }];
}

function python(server: string, model: string, key: string): string {
  return `from openai import OpenAI

client = OpenAI(base_url=${JSON.stringify(`${server}v1`)}, api_key=${JSON.stringify(key)})
answer = client.chat.completions.create(
    model=${JSON.stringify(model)},
    messages=[{"role": "user", "content": "Hello"}],
)
print(answer.choices[0].message.content)`;
}

function requestFor({ id, capabilities = {} }: ModelStatus): [string, object] {
  if (capabilities.reranker) {
    return ['v1/rerank', { model: id, query: 'Hello', documents: ['Good day', 'Good bye'] }];
  }
  if (capabilities.audio_speech) return ['v1/audio/speech', { model: id, input: 'Hello' }];
  if (capabilities.image_generation)
    return ['v1/images/generations', { model: id, prompt: 'A bay' }];
  return ['v1/chat/completions', { model: id, messages: [{ role: 'user', content: 'Hello' }] }];
}
