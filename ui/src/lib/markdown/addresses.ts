/** Which addresses of a text that anybody may have written can be followed. Pure. */

const FOLLOWED = ['http:', 'https:', 'mailto:'];

/** The address in full; null if following it could do anything but open a page or a mail. */
export function followable(href: string): string | null {
  try {
    const url = new URL(href);
    return FOLLOWED.includes(url.protocol) ? url.href : null;
  } catch {
    return null; // relative to us, which a text from elsewhere knows nothing of
  }
}
