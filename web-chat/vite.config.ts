import { defineConfig } from 'vitest/config';

const server = process.env.TOWPATH_URL ?? 'http://127.0.0.1:8099';

/** The page. `npm run dev` serves it against the server that TOWPATH_URL names. */
export default defineConfig({
  build: { target: 'es2022', outDir: 'dist', emptyOutDir: true, modulePreload: { polyfill: false }, reportCompressedSize: true },
  server: { proxy: { '/api': { target: server, ws: true } } },
  test: { environment: 'happy-dom', css: true, include: ['tests/unit/**/*.test.ts'] },
});
