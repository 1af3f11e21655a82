import type { Attachment } from 'svelte/attachments';
import { place } from './place';

/** Milliseconds that a pointer rests on something before its tooltip comes. */
const REST = 400;

let bubble: HTMLElement | undefined;
let owner: Element | undefined;
let timer: ReturnType<typeof setTimeout> | undefined;

/** Tells in a bubble what an element is, to pointers that rest on it and to the keyboard. */
export function tooltip(text: string): Attachment {
  return (element) => {
    if (element.getAttribute('aria-label') !== text) element.setAttribute('aria-description', text);
    const soon = (event: Event) => {
      if ((event as PointerEvent).pointerType === 'touch') return;
      clearTimeout(timer);
      timer = setTimeout(() => show(element, text), REST);
    };
    const focused = () => {
      if (!element.matches(':focus-visible')) return;
      clearTimeout(timer);
      timer = setTimeout(() => show(element, text)); // a menu that closes gives the focus back
    };
    const gone = () => hide(element);
    element.addEventListener('pointerenter', soon);
    element.addEventListener('pointerleave', gone);
    element.addEventListener('pointerdown', gone);
    element.addEventListener('focus', focused);
    element.addEventListener('blur', gone);
    return () => {
      element.removeEventListener('pointerenter', soon);
      element.removeEventListener('pointerleave', gone);
      element.removeEventListener('pointerdown', gone);
      element.removeEventListener('focus', focused);
      element.removeEventListener('blur', gone);
      hide(element);
    };
  };
}

function show(element: Element, text: string): void {
  if (bubble === undefined) {
    bubble = document.createElement('div');
    bubble.className = 'tooltip';
    bubble.ariaHidden = 'true'; // told by the element itself: its name, or aria-description
    bubble.popover = 'manual';
    document.addEventListener('keydown', ({ key }) => key === 'Escape' && owner && hide(owner));
  }
  owner = element;
  bubble.textContent = text;
  // Inside an open dialog, because what is outside is inert.
  (element.closest('dialog') ?? document.body).append(bubble);
  bubble.showPopover();
  place(bubble, element, 'below', 'center');
}

function hide(element: Element): void {
  clearTimeout(timer);
  if (owner !== element) return;
  bubble?.hidePopover();
  bubble?.remove();
  owner = undefined;
}
