import { createSubscriber } from 'svelte/reactivity';

/** The time on screen: ticks once a second while something shows it and the page is seen. */
const subscribe = createSubscriber((update) => {
  const tick = () => {
    if (!document.hidden) update();
  };
  const timer = setInterval(tick, 1000);
  document.addEventListener('visibilitychange', tick);
  return () => {
    clearInterval(timer);
    document.removeEventListener('visibilitychange', tick);
  };
});

/** Milliseconds since the epoch; what reads it is updated each second. */
export function now(): number {
  subscribe();
  return Date.now();
}
