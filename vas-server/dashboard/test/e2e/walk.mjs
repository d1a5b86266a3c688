// Walks through the dashboard of running servers, which tests/it/dashboard.rs starts.
//
//   node walk.mjs '{"url": ..., "camera": ..., "shots": ..., "locked": {"url", "admin", "viewer"}}' [pages|acts|sign-in]
//
// `camera`: address of a camera that is none of the server's yet; `locked`: a server that asks for accounts. What fails
// is told on standard error, and the program ends with 1.

import { walkActs } from "./acts.mjs";
import { launch } from "./kit.mjs";
import { walkPages } from "./pages.mjs";
import { walkSignIn } from "./sign-in.mjs";

const setup = JSON.parse(process.argv[2] ?? "{}");
const walks = { pages: walkPages, acts: walkActs, "sign-in": walkSignIn };
const wanted = process.argv.slice(3);

const browser = await launch();
try {
  for (const [name, walk] of Object.entries(walks)) {
    if (wanted.length === 0 || wanted.includes(name)) await walk(browser, setup);
  }
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
} finally {
  await browser.close();
}
