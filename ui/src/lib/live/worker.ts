/// <reference lib="webworker" />
/** The hub as a worker that all pages of a browser share, so that they need one connection. */

import { Hub } from './hub';
import type { FromPage, Port } from './protocol';

declare const self: SharedWorkerGlobalScope;

let hub: Hub | undefined;

self.addEventListener('connect', ({ ports: [channel] }) => {
  if (channel === undefined) return;
  const port: Port = { post: (message) => channel.postMessage(message) };
  channel.addEventListener('message', ({ data }: MessageEvent<FromPage>) => {
    if (data.kind === 'hello') hub ??= new Hub(data.root, data.credentials);
    hub?.receive(port, data);
  });
  channel.start();
});
