import { defineConfig } from 'vite';

/** The embeddable panel: one module that defines `<towpath-chat>`. */
export default defineConfig({
  publicDir: false,
  build: {
    target: 'es2022',
    outDir: 'dist',
    emptyOutDir: false,
    lib: { entry: 'src/panel.ts', formats: ['es'], fileName: () => 'towpath-chat.js' },
  },
});
