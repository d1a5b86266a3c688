// Holds the built files against their budgets (gzip, in kB of 1000 bytes) and fails where one is exceeded.

import { readFileSync, statSync } from "node:fs";
import { gzipSync } from "node:zlib";

const BUDGETS = { initial: 90, styles: 15, font: 40, route: 30 };
// Loaded only where they are needed, whatever the page: the player for HLS and the plotter.
const LIBRARIES = /hls|uPlot|uplot/i;

const dist = new URL("../dist/", import.meta.url);
const manifest = JSON.parse(readFileSync(new URL(".vite/manifest.json", dist), "utf8"));
const gzipped = (file) => gzipSync(readFileSync(new URL(file, dist)), { level: 9 }).length / 1000;

/** A chunk with everything that it loads with itself. */
function closure(key, seen = new Set()) {
  if (seen.has(key)) return seen;
  seen.add(key);
  for (const next of manifest[key].imports ?? []) closure(next, seen);
  return seen;
}

const chunks = Object.keys(manifest).filter((key) => manifest[key].file.endsWith(".js"));
const entry = chunks.find((key) => manifest[key].isEntry && key === "index.html");
const initial = closure(entry);
const sum = (keys) => [...keys].reduce((total, key) => total + gzipped(manifest[key].file), 0);

const results = [["initial script", sum(initial), BUDGETS.initial]];
const initialStyles = new Set([...initial].flatMap((key) => manifest[key].css ?? []));
results.push(["initial styles", [...initialStyles].reduce((total, file) => total + gzipped(file), 0), BUDGETS.styles]);
for (const { file } of Object.values(manifest)) {
  if (file.endsWith(".woff2")) results.push([file, statSync(new URL(file, dist)).size / 1000, BUDGETS.font]);
}
// A route's own: what no other one loads as well. Shared parts are loaded once, whatever comes first.
const routes = chunks.filter((key) => manifest[key].isDynamicEntry && key.startsWith("src/"));
const parts = new Map(routes.map((key) => [key, [...closure(key)].filter((part) => !initial.has(part) && !LIBRARIES.test(part))]));
const users = (part) => routes.filter((key) => parts.get(key).includes(part)).length;
for (const key of routes) results.push([key, sum(parts.get(key).filter((part) => users(part) === 1)), BUDGETS.route]);

let failed = false;
for (const [name, size, budget] of results) {
  const over = size > budget;
  failed ||= over;
  console.log(`${over ? "OVER " : "     "}${size.toFixed(1).padStart(6)} of ${String(budget).padStart(3)} kB  ${name}`);
}
if (failed) process.exit(1);
