import { defineConfig } from 'vite';

// Relative addresses, so that the page also works below a path (`--public-url https://example.se/karta`).
export default defineConfig({
  base: './',
  build: {
    target: 'es2022',
    // One MapLibre file that browsers keep between our releases; it is over Vite's warning size by nature.
    chunkSizeWarningLimit: 1400,
    // Nothing is inlined as data: addresses: the content security policy forbids them for scripts.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    rollupOptions: {
      // MapLibre apart from our own script: it changes seldom, and browsers keep it.
      output: { codeSplitting: { groups: [{ name: 'maplibre', test: /node_modules/ }] } },
    },
  },
  worker: { format: 'es' },
  server: {
    // `npm run dev` shows the page against a server of yours, `tvilling demo` by default.
    proxy: Object.fromEntries(
      ['/collections', '/styles', '/sprites', '/fonts', '/tiles', '/terrain', '/hillshade', '/identify'].map((path) => [
        path,
        process.env.TVILLING_URL ?? 'http://127.0.0.1:8080',
      ]),
    ),
  },
});
