/**
 * Does something at most once a frame, and a few times a second while the page is not seen. If it
 * takes long, such as drawing an answer that is odd, most of the time is left to the reader.
 */

const HIDDEN = 250; // milliseconds; there are no frames then
const LONG = 50; // milliseconds
const SHARE = 3; // times what it took, if that was long, are kept free behind it

export class PerFrame {
  #frame = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #notBefore = 0;

  constructor(private readonly run: () => void) {}

  soon(): void {
    if (this.#frame !== 0 || this.#timer !== undefined) return;
    const rest = this.#notBefore - performance.now();
    if (document.hidden) this.#timer = setTimeout(() => this.now(), Math.max(HIDDEN, rest));
    else if (rest > 0) this.#timer = setTimeout(() => this.now(), rest);
    else this.#frame = requestAnimationFrame(() => this.now());
  }

  now(): void {
    cancelAnimationFrame(this.#frame);
    clearTimeout(this.#timer);
    this.#frame = 0;
    this.#timer = undefined;
    const begin = performance.now();
    this.run();
    // Svelte changes the page behind this, and the browser draws it.
    setTimeout(() => {
      const end = performance.now();
      const took = end - begin;
      this.#notBefore = took > LONG ? end + SHARE * took : 0;
    });
  }
}
