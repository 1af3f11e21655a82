/** Puts a floating element (menu, tooltip) beside what it belongs to, inside the window. */

const GAP = 4;
const MARGIN = 8;

export type Side = 'below' | 'above';

export function place(
  floating: HTMLElement,
  anchor: Element,
  side: Side,
  align: 'start' | 'end' | 'center',
): void {
  const at = anchor.getBoundingClientRect();
  const { offsetWidth: width, offsetHeight: height } = floating;
  const { clientWidth, clientHeight } = document.documentElement;
  const below = at.bottom + GAP;
  const above = at.top - GAP - height;
  const fits = side === 'below' ? below + height <= clientHeight - MARGIN : above < MARGIN;
  const top = fits ? below : above;
  const left =
    align === 'start'
      ? at.left
      : align === 'end'
        ? at.right - width
        : at.left + at.width / 2 - width / 2;
  floating.style.top = `${clamp(top, clientHeight - height)}px`;
  floating.style.left = `${clamp(left, clientWidth - width)}px`;
}

function clamp(value: number, room: number): number {
  return Math.max(MARGIN, Math.min(value, room - MARGIN));
}
