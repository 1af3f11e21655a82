/** Pictures and texts that are attached to a question. */

import { dataUrl } from '../files';

/** Pixels of the longest side of a picture that was made smaller. */
const SIDE = 1568;
const LARGEST = 20 * 1024 ** 2;
const LARGEST_TEXT = 256 * 1024;
export const MOST = 5;
const TYPES = ['image/jpeg', 'image/png', 'image/gif', 'image/webp'];

export type Attached = { kind: 'picture'; url: string } | { kind: 'text'; text: string };

/** A file as it is attached; throws with what is wrong with it. */
export async function attached(file: File, shrink: boolean): Promise<Attached> {
  if (TYPES.includes(file.type)) {
    if (file.size > LARGEST) throw new Error(`${file.name} is larger than 20 MB`);
    return { kind: 'picture', url: (shrink && (await smaller(file))) || (await dataUrl(file)) };
  }
  if (file.type.startsWith('image/')) {
    throw new Error(`${file.name} is no picture that models know: JPEG, PNG, GIF or WebP`);
  }
  if (file.size > LARGEST_TEXT) throw new Error(`${file.name} is larger than 256 KB of text`);
  const text = await plainText(file);
  const mark = '`'.repeat(
    Math.max(3, ...(text.match(/`+/g) ?? []).map(({ length }) => length + 1)),
  );
  const language = /\.(\w+)$/.exec(file.name)?.[1] ?? '';
  return {
    kind: 'text',
    text: `${file.name}:\n\n${mark}${language}\n${text.trimEnd()}\n${mark}\n`,
  };
}

async function plainText(file: File): Promise<string> {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(await file.arrayBuffer());
  } catch {
    throw new Error(`${file.name} is neither a picture nor a text`);
  }
}

/** Empty if it is small enough, or moves. */
async function smaller(file: File): Promise<string> {
  if (file.type === 'image/gif') return '';
  const bitmap = await createImageBitmap(file).catch(() => {
    throw new Error(`${file.name} is not a picture, or a broken one`);
  });
  const factor = SIDE / Math.max(bitmap.width, bitmap.height);
  if (factor >= 1) return '';
  const canvas = document.createElement('canvas');
  canvas.width = Math.round(bitmap.width * factor);
  canvas.height = Math.round(bitmap.height * factor);
  canvas.getContext('2d')?.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  return canvas.toDataURL(file.type === 'image/png' ? 'image/png' : 'image/jpeg', 0.9);
}
