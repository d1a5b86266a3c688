// What the walks have in common: Chromium, pages that note everything that goes wrong, axe, and the API.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";
import { chromium } from "playwright-core";

/** Time for anything to come about on a busy machine, in milliseconds. */
export const SOON = 30_000;

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"];

export const MODES = {
  dark: { viewport: { width: 1440, height: 900 }, colorScheme: "dark" },
  light: { viewport: { width: 1440, height: 900 }, colorScheme: "light" },
  phone: { viewport: { width: 390, height: 844 }, colorScheme: "dark", deviceScaleFactor: 2, hasTouch: true, isMobile: true },
};

export function launch() {
  return chromium.launch({
    executablePath: process.env.VAS_CHROMIUM ?? "/usr/bin/chromium",
    args: ["--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--autoplay-policy=no-user-gesture-required"],
  });
}

/** A page whose errors are noted: what the console calls an error, what is thrown, what the policy forbids. */
export async function open(browser, mode) {
  const context = await browser.newContext({ ...MODES[mode], locale: "en-GB", timezoneId: "Europe/Berlin", serviceWorkers: "block" });
  await context.addInitScript(() => {
    window.cspViolations = [];
    document.addEventListener("securitypolicyviolation", (event) => window.cspViolations.push(`${event.violatedDirective} ${event.blockedURI} ${event.sample}`));
  });
  const page = await context.newPage();
  page.setDefaultTimeout(SOON);
  const errors = [];
  // What is expected by a walk that provokes it: a status that the page shows to its user.
  const expected = [];
  page.on("console", (message) => {
    if (message.type() !== "error") return;
    const text = `${message.text()} ${message.location().url}`;
    if (!expected.some((pattern) => pattern.test(text))) errors.push(text);
  });
  page.on("pageerror", (error) => errors.push(`thrown: ${error.stack ?? error.message}`));
  return { page, context, errors, expected };
}

/** Waits until the page has nothing more to load. */
export async function settled(page) {
  await page.waitForSelector("main, [role=main]");
  await page.waitForFunction(() => document.querySelectorAll("[role=status][aria-label=Loading]").length === 0, undefined, { timeout: SOON });
  await page.evaluate(() => document.fonts.ready.then(() => true));
}

/** Fails where the page has an error, a violation of the policy, or one of WCAG 2.2 AA. */
export async function healthy({ page, errors }, where) {
  await page.evaluate(AXE);
  const { violations } = await page.evaluate((tags) => window.axe.run(document, { runOnly: tags, resultTypes: ["violations"] }), WCAG);
  const found = violations.map((one) => `${one.id}: ${one.help}\n${one.nodes.slice(0, 4).map((node) => `    ${node.html.slice(0, 200)} ${node.failureSummary?.replaceAll("\n", " ").slice(0, 300)}`).join("\n")}`);
  assert.deepEqual(found, [], `${where}: axe`);
  assert.deepEqual(await page.evaluate(() => window.cspViolations), [], `${where}: content security policy`);
  assert.deepEqual(errors.splice(0), [], `${where}: console`);
}

/** A picture of the page for people. */
export async function shoot(page, folder, name) {
  await mkdir(folder, { recursive: true });
  await page.screenshot({ path: join(folder, `${name}.png`), animations: "disabled" });
}

/** The API, beside the page: what it says is what the page must have done. */
export function api(base) {
  const call = async (method, path, body) => {
    const headers = body === undefined ? {} : { "Content-Type": "application/json" };
    const answer = await fetch(new URL(path, base), { method, headers, body: body === undefined ? undefined : JSON.stringify(body) });
    const text = await answer.text();
    return { status: answer.status, body: text === "" ? null : JSON.parse(text) };
  };
  return {
    get: (path) => call("GET", path),
    post: (path, body) => call("POST", path, body),
    put: (path, body) => call("PUT", path, body),
    delete: (path) => call("DELETE", path),
  };
}

/** Asks again until the answer is a yes, and gives it. */
export async function until(what, ask, deadline = SOON) {
  const end = Date.now() + deadline;
  for (;;) {
    const answer = await ask();
    if (answer) return answer;
    if (Date.now() > end) throw new Error(`waited in vain: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

/** Says what is done, so that a failure has a place. */
export async function step(name, work) {
  const started = Date.now();
  try {
    const result = await work();
    console.log(`ok ${name} (${Date.now() - started} ms)`);
    return result;
  } catch (error) {
    throw new Error(`${name}: ${error.message}`, { cause: error });
  }
}
