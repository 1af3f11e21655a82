/** Asking again and again, for what no stream tells. */

/** Does something now and `pause` milliseconds after each end of it, while the page is looked at. */
export async function repeatedly(
  work: (signal: AbortSignal) => Promise<void>,
  pause: () => number,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    await seen(signal);
    if (signal.aborted) return;
    await work(signal);
    await passed(pause(), signal);
  }
}

/** Resolves at once, or when the page is looked at again. */
export async function seen(signal: AbortSignal): Promise<void> {
  while (document.hidden && !signal.aborted) {
    await new Promise((resolve) => {
      document.addEventListener('visibilitychange', resolve, { once: true, signal });
      signal.addEventListener('abort', resolve, { once: true });
    });
  }
}

function passed(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', end);
      resolve();
    };
    const timer = setTimeout(end, milliseconds);
    signal.addEventListener('abort', end);
  });
}
