/** What a transcription says, in any of its formats. Pure. */

export const FORMATS = ['json', 'verbose_json', 'text', 'srt', 'vtt'] as const;
export type Format = (typeof FORMATS)[number];

export interface Segment {
  /** Seconds. */
  start: number;
  end: number;
  text: string;
}

export interface Transcript {
  text: string;
  segments: Segment[];
  /** How a file with it ends. */
  ending: string;
}

/** What an answer says; throws if that is nothing. */
export function transcriptIn(answer: string, format: Format): Transcript {
  if (format !== 'json' && format !== 'verbose_json') {
    return { text: answer.trim(), segments: [], ending: format === 'text' ? 'txt' : format };
  }
  const value = JSON.parse(answer) as { text?: unknown; segments?: unknown } | null;
  if (typeof value?.text !== 'string') throw new Error('The answer of the model has no text');
  const segments = Array.isArray(value.segments) ? value.segments.filter(isSegment) : [];
  return { text: value.text.trim(), segments, ending: 'txt' };
}

function isSegment(value: unknown): value is Segment {
  const { start, end, text } = (value ?? {}) as Record<string, unknown>;
  return typeof start === 'number' && typeof end === 'number' && typeof text === 'string';
}

/** A place in a recording: 1:02:03.4 or 2:03.4. */
export function place(seconds: number): string {
  const tenths = Math.round(seconds * 10);
  const [hours, minutes] = [Math.floor(tenths / 36_000), Math.floor(tenths / 600) % 60];
  const rest = `${String(Math.floor(tenths / 10) % 60).padStart(2, '0')}.${tenths % 10}`;
  if (hours === 0) return `${minutes}:${rest}`;
  return `${hours}:${String(minutes).padStart(2, '0')}:${rest}`;
}

const SOUNDS = /\.(?:mp3|wav|ogg|oga|opus|flac|m4a|mp4|mpeg|mpga|webm|aac)$/i;

/** Whether a file may have a sound in it. */
export function isSound(file: { name: string; type: string }): boolean {
  return /^(?:audio|video)\//.test(file.type) || SOUNDS.test(file.name);
}
