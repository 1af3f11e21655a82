/** Voices, and what files of speech are called. Pure. */

/** Those of OpenAI's models, where a server tells of none. */
export const STANDARD: readonly string[] = [
  'alloy',
  'ash',
  'coral',
  'echo',
  'fable',
  'nova',
  'onyx',
  'sage',
  'shimmer',
];

export const FORMATS = ['', 'mp3', 'wav', 'opus', 'flac', 'aac', 'pcm'] as const;

/** The voices in an answer of `/v1/audio/voices`. */
export function voicesIn(answer: unknown): string[] {
  const list = Array.isArray(answer)
    ? answer
    : ((answer as { voices?: unknown } | null)?.voices ?? []);
  if (!Array.isArray(list)) return [];
  const names = list.map((voice: unknown) => {
    if (typeof voice === 'string') return voice;
    const { id, name } = (voice ?? {}) as { id?: unknown; name?: unknown };
    return typeof id === 'string' ? id : typeof name === 'string' ? name : '';
  });
  return [...new Set(names.filter((name) => name !== ''))];
}

const ENDINGS: Record<string, string> = {
  'audio/mpeg': 'mp3',
  'audio/mp3': 'mp3',
  'audio/wav': 'wav',
  'audio/x-wav': 'wav',
  'audio/wave': 'wav',
  'audio/ogg': 'ogg',
  'audio/opus': 'opus',
  'audio/flac': 'flac',
  'audio/aac': 'aac',
};

/** How a file ends, by what the server says it is, else by what was asked for. */
export function ending(type: string, asked: string): string {
  return ENDINGS[type.split(';', 1)[0]?.trim().toLowerCase() ?? ''] ?? (asked || 'mp3');
}

export function fileName(voice: string, at: Date, end: string): string {
  const name = voice.replaceAll(/[^\p{L}\p{N}_-]+/gu, '-') || 'speech';
  return `${name}-${at.toISOString().slice(0, 19).replaceAll(':', '-')}.${end}`;
}
