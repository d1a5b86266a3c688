import { defineConfig, loadEnv } from "vite";
import solid from "vite-plugin-solid";

/** The compiled icons: their sources, which the condition "solid" asks for, are two thousand files to compile. */
export const icons = {
  find: /^lucide-solid$/,
  replacement: new URL("./node_modules/lucide-solid/dist/esm/lucide-solid.mjs", import.meta.url).pathname,
};

export default defineConfig(({ mode }) => {
  /** The server that the development server passes calls on to: `VAS_URL=http://host:port npm run dev`. */
  const target = loadEnv(mode, ".", "VAS_")["VAS_URL"] ?? "http://127.0.0.1:8080";
  // The name in Host stays, so that it fits the page's Origin.
  const proxy = { target };
  return {
    plugins: [solid({ exclude: [/lucide-solid/] })],
    resolve: { alias: [icons] },
    build: {
      target: "es2022",
      manifest: true,
      // Nothing inline: the server's Content Security Policy takes neither data: scripts nor inline styles.
      assetsInlineLimit: 0,
      modulePreload: { polyfill: false },
      reportCompressedSize: false,
    },
    server: {
      proxy: {
        "/v2": proxy,
        "/api": proxy,
        "/openapi.json": proxy,
        "/health": proxy,
        "/ws": { ...proxy, ws: true },
      },
    },
  };
});
