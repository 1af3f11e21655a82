import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';
import { svelte } from '@sveltejs/vite-plugin-svelte';
import type { Plugin } from 'vite';
import { defineConfig } from 'vitest/config';

/** Where the Python package looks for the built files. */
const STATIC = '../src/hotbay/api/static';

/** The address of the server that `npm start` talks to. */
const SERVER = process.env.HOTBAY_URL ?? process.env.LLAMA_SWAP_URL ?? 'http://localhost:8080';

const SERVER_PATHS = [
  '/api',
  '/audioapi',
  '/comfyui',
  '/health',
  '/logs',
  '/metrics',
  '/models',
  '/running',
  '/sdapi',
  '/unload',
  '/upstream',
  '/v1',
];

/** Writes `.br` and `.gz` beside each text file, so that the server never compresses. */
function compressed(): Plugin {
  const text = /\.(?:css|html|ico|js|json|svg|txt|webmanifest)$/;
  return {
    name: 'compressed',
    apply: 'build',
    writeBundle({ dir }) {
      if (dir === undefined) return;
      for (const name of readdirSync(dir, { recursive: true, encoding: 'utf8' })) {
        // index.html gets a <base> on its way out, and is tiny.
        if (!text.test(name) || name.startsWith('.vite') || name === 'index.html') continue;
        const path = join(dir, name);
        const bytes = readFileSync(path);
        const size = { [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length };
        writeFileSync(`${path}.br`, brotliCompressSync(bytes, { params: size }));
        writeFileSync(`${path}.gz`, gzipSync(bytes, { level: 9 }));
      }
    },
  };
}

export default defineConfig(({ command }) => ({
  // Relative, so that the UI works below any path prefix of a reverse proxy.
  base: command === 'build' ? './' : '/ui/',
  plugins: [svelte(), compressed()],
  resolve: {
    alias: { $lib: new URL('./src/lib', import.meta.url).pathname },
    // Tests mount components, for which they need Svelte as browsers get it.
    ...(process.env.VITEST ? { conditions: ['browser'] } : {}),
  },
  build: {
    outDir: STATIC,
    emptyOutDir: true,
    manifest: true,
    target: 'es2022',
    license: { fileName: 'licenses.md' },
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0,
    reportCompressedSize: false,
    // All styles are small enough to come in one file.
    cssCodeSplit: false,
    rolldownOptions: {
      checks: { pluginTimings: false }, // a slow machine is no fault
      output: {
        codeSplitting: {
          // What nearly every page needs comes in one piece instead of a dozen. The hub belongs to
          // the shared worker; a page has its own only where there are no such workers.
          groups: [
            {
              name: 'base',
              test: /node_modules\/(svelte|esm-env|clsx)\/|src\/lib\/(?!live\/(hub|link|logs|sse)|charts|markdown|logs)/,
            },
            {
              name: 'markup',
              test: /highlight\.js\/es\/languages\/(diff|dockerfile|graphql|ini|json|makefile|markdown|shell|xml|yaml)\.js/,
            },
            // Grammars that have most of their text in common.
            { name: 'ecma', test: /highlight\.js\/es\/languages\/(javascript|typescript)\.js/ },
            { name: 'c', test: /highlight\.js\/es\/languages\/(c|cpp)\.js/ },
          ],
        },
      },
    },
  },
  worker: { format: 'es' },
  server: {
    host: true,
    allowedHosts: true,
    proxy: Object.fromEntries(
      SERVER_PATHS.map((path) => [path, { target: SERVER, changeOrigin: true, ws: true }]),
    ),
  },
  test: {
    environment: 'happy-dom',
    css: true,
    include: ['src/**/*.test.ts'],
  },
}));
