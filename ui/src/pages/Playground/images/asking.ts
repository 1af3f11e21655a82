/** Requests for pictures in both of their forms, and the pictures in the answers. Pure. */

export const APIS = ['openai', 'sdapi'] as const;
export type Api = (typeof APIS)[number];

export const SIZES: readonly { title: string; sizes: readonly string[] }[] = [
  { title: 'Square', sizes: ['512x512', '768x768', '1024x1024'] },
  { title: 'Landscape', sizes: ['1024x768', '1280x720', '1792x1024'] },
  { title: 'Portrait', sizes: ['768x1024', '720x1280', '1024x1792'] },
];

export const SAMPLERS = [
  '',
  'euler_a',
  'euler',
  'heun',
  'dpm2',
  'dpmpp2s_a',
  'dpmpp2m',
  'dpmpp2mv2',
  'ipndm',
  'ipndm_v',
  'lcm',
  'ddim_trailing',
  'tcd',
] as const;

export const SCHEDULERS = ['', 'discrete', 'karras', 'exponential', 'ays', 'gits'] as const;

export interface Lora {
  name: string;
  path: string;
}

export interface Wish {
  model: string;
  prompt: string;
  negative: string;
  width: number;
  height: number;
  count: number;
  steps: number;
  cfg: number;
  /** -1: any. */
  seed: number;
  sampler: string;
  scheduler: string;
  /** How much of each is used, by its path. */
  loras: Readonly<Record<string, number>>;
  /** A data URL of the picture to start from; empty: from nothing. */
  source: string;
  /** How far the result may be from it, 0 to 1. */
  strength: number;
}

type Json = Record<string, unknown>;

/** The body of `/v1/images/generations`. */
export function openAiBody(wish: Wish): Json {
  return {
    model: wish.model,
    prompt: wish.prompt,
    n: wish.count,
    size: `${wish.width}x${wish.height}`,
    ...(wish.negative.trim() ? { negative_prompt: wish.negative } : {}),
  };
}

/** The body of `/sdapi/v1/txt2img`, or of `img2img` if there is a picture to start from. */
export function sdBody(wish: Wish): Json {
  const loras = Object.entries(wish.loras).map(([path, multiplier]) => ({ path, multiplier }));
  return {
    model: wish.model,
    prompt: wish.prompt,
    ...(wish.negative.trim() ? { negative_prompt: wish.negative } : {}),
    width: wish.width,
    height: wish.height,
    steps: wish.steps,
    cfg_scale: wish.cfg,
    seed: wish.seed,
    batch_size: wish.count,
    ...(wish.sampler ? { sampler_name: wish.sampler } : {}),
    ...(wish.scheduler ? { scheduler: wish.scheduler } : {}),
    ...(loras.length > 0 ? { lora: loras } : {}),
    ...(wish.source
      ? {
          init_images: [wish.source.replace(/^data:[^,]*,/, '')],
          denoising_strength: wish.strength,
        }
      : {}),
  };
}

/** The pictures in an answer, as data URLs or addresses, and the seed if it is told. */
export function picturesIn(answer: unknown): { pictures: string[]; seed: number | null } {
  const { data, images, info } = (answer ?? {}) as {
    data?: unknown;
    images?: unknown;
    info?: unknown;
  };
  const listed = Array.isArray(data) ? data : Array.isArray(images) ? images : [];
  const pictures = listed.flatMap((each: unknown) => {
    if (typeof each === 'string') return [asDataUrl(each)];
    const { b64_json, url } = (each ?? {}) as { b64_json?: unknown; url?: unknown };
    if (typeof b64_json === 'string') return [asDataUrl(b64_json)];
    return typeof url === 'string' ? [url] : [];
  });
  if (pictures.length === 0) throw new Error('The answer of the model has no picture');
  return { pictures, seed: seedIn(info) };
}

/** The kind of a picture shows in its first bytes. */
function asDataUrl(base64: string): string {
  if (base64.startsWith('data:')) return base64;
  const kind = base64.startsWith('/9j/')
    ? 'jpeg'
    : base64.startsWith('UklGR')
      ? 'webp'
      : base64.startsWith('R0lGOD')
        ? 'gif'
        : 'png';
  return `data:image/${kind};base64,${base64}`;
}

function seedIn(info: unknown): number | null {
  try {
    const value: unknown = typeof info === 'string' ? JSON.parse(info) : info;
    const { seed } = (value ?? {}) as { seed?: unknown };
    return typeof seed === 'number' ? seed : null;
  } catch {
    return null;
  }
}

/** What a file with a picture is called. */
export function fileName(url: string, at: Date, index: number): string {
  const kind = /^data:image\/(\w+)/.exec(url)?.[1] ?? 'png';
  const moment = at.toISOString().slice(0, 19).replaceAll(':', '-');
  return `picture-${moment}-${index + 1}.${kind === 'jpeg' ? 'jpg' : kind}`;
}
