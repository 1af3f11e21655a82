/** Reads a short text out to screen readers, politely; App.svelte holds the live region. */

const REGION = 'announcements';

export function announce(text: string): void {
  const region = document.getElementById(REGION);
  if (region === null) return;
  // The same text again is news as well.
  region.textContent = region.textContent === text ? `${text} ` : text;
}
