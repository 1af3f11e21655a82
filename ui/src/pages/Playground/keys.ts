/** Whether a key in a text means that it is complete; on a touch screen Enter only begins a line. */
export function completes(event: KeyboardEvent): boolean {
  if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return false;
  return event.ctrlKey || event.metaKey || !matchMedia('(pointer: coarse)').matches;
}
