import { defineConfig } from "vite";

/** Builds `dist/player/vas-player.js`, beside the dashboard's files. What only few browsers need is a file of its own. */
export default defineConfig({
  publicDir: false,
  build: {
    target: "es2022",
    outDir: "dist/player",
    emptyOutDir: true,
    lib: { entry: "player/element.ts", formats: ["es"], fileName: () => "vas-player.js" },
    rollupOptions: { output: { chunkFileNames: "[name]-[hash].js" } },
    reportCompressedSize: false,
  },
});
