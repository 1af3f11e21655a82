import { mount } from 'svelte';
import './styles/tokens.css';
import './styles/base.css';
import './styles/motion.css';
import { live } from '$lib/live/live.svelte';
import App from './App.svelte';
import { applyTheme } from './shell/theme.svelte';

const target = document.getElementById('app');
if (target === null) throw new Error('index.html has no #app');
applyTheme();
void live.connect();
mount(App, { target });
