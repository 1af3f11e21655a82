/** Where things are: everything is relative to the page, so that hotbay may live below a path. */

/** The folder of the UI, ending in `/ui/`; also when a page such as `/ui/models/x` was opened. */
export const UI = new URL('.', document.baseURI).href;

/** The folder of the server's routes, ending in `/`. */
export const SERVER = new URL('..', UI).href;

/** A path segment that may hold an ID with any characters. */
export function segment(id: string): string {
  return encodeURIComponent(id);
}

/** The address in the UI of a model's page. */
export function modelPage(id: string, tab?: string): string {
  return `#/models/${segment(id)}${tab === undefined ? '' : `?tab=${tab}`}`;
}

/** The address of a model server's own pages. Opening it loads the model. */
export function upstreamPage(id: string): string {
  const path = id === 'comfyui_auto' ? 'comfyui/' : `upstream/${segment(id)}/`;
  return new URL(path, SERVER).href;
}
