/** Wishes that concern the shell. */

import { flag, oneOf, text } from '$lib/preferences.svelte';

/** What this window is called; useful where there are several servers. */
export const windowTitle = text('title', '');
export const startPage = oneOf('start', ['now', 'activity'], 'now');
export const modelsOpen = flag('sidebar.models', true);
/** Whether models that are not listed for clients are shown, here and on the page of models. */
export const showUnlisted = flag('models.unlisted', false);
export const collapsed = flag('sidebar.collapsed', false);
