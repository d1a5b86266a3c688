import { defineConfig } from "vitest/config";
import solid from "vite-plugin-solid";
import { icons } from "./vite.config.ts";

export default defineConfig({
  plugins: [solid({ exclude: [/lucide-solid/] })],
  resolve: { alias: [icons] },
  test: {
    environment: "jsdom",
    include: ["src/**/*.test.{ts,tsx}"],
    // The zone of the machine must not decide what a test of times says.
    env: { TZ: "UTC" },
  },
});
