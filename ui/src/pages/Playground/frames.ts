/** Does something at most once a frame, and a few times a second while the page is not seen. */

const HIDDEN = 250; // milliseconds; there are no frames then

export class PerFrame {
  #frame = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly run: () => void) {}

  soon(): void {
    if (this.#frame !== 0 || this.#timer !== undefined) return;
    if (document.hidden) this.#timer = setTimeout(() => this.now(), HIDDEN);
    else this.#frame = requestAnimationFrame(() => this.now());
  }

  now(): void {
    cancelAnimationFrame(this.#frame);
    clearTimeout(this.#timer);
    this.#frame = 0;
    this.#timer = undefined;
    this.run();
  }
}
