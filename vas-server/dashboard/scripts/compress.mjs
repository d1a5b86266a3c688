// Puts a .gz and a .br file beside each built file that becomes smaller by it: the server sends those as they are.

import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";

const dist = fileURLToPath(new URL("../dist/", import.meta.url));
const WORTH = 512;

for (const name of readdirSync(dist, { recursive: true })) {
  const file = join(dist, name);
  if (!/\.(js|css|html|svg|json)$/.test(name) || name.startsWith(".vite") || statSync(file).size < WORTH) continue;
  const bytes = readFileSync(file);
  const smaller = {
    ".gz": gzipSync(bytes, { level: 9 }),
    ".br": brotliCompressSync(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: 11 } }),
  };
  for (const [ending, compressed] of Object.entries(smaller)) {
    if (compressed.length < bytes.length * 0.9) writeFileSync(file + ending, compressed);
  }
}
