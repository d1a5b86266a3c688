// Drives one headless Chromium for tests/it/chromium.rs, which talks to it in lines of JSON.
//
//   in:  {"id": 1, "command": "open", "url": "about:blank", "width": 1280, "height": 720}
//   out: {"id": 1, "value": 0}  or  {"id": 1, "error": "what went wrong"}
//
// Commands run side by side, so that waiting on one page holds up no other. The program closes the browser and
// ends when its standard input does.

import { createInterface } from 'node:readline';
import { chromium } from 'playwright-core';

const KEPT_ERRORS = 200;

const browser = await chromium.launch({
  executablePath: process.env.VAS_CHROMIUM ?? '/usr/bin/chromium',
  args: [
    '--headless=new',
    '--no-sandbox',
    '--disable-gpu',
    '--disable-quic',
    '--no-first-run',
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
    '--autoplay-policy=no-user-gesture-required',
    // A camera and a microphone for pages that publish.
    '--use-fake-device-for-media-stream',
    '--use-fake-ui-for-media-stream',
  ],
});

/** Open pages by number: {page, errors}. */
const pages = new Map();
let opened = 0;

function pageOf(request) {
  const entry = pages.get(request.page);
  if (!entry) throw new Error(`page ${request.page} is closed`);
  return entry;
}

const commands = {
  version: () => browser.version(),

  async open({ url, width, height }) {
    const page = await browser.newPage({ viewport: { width, height }, colorScheme: 'dark' });
    const errors = [];
    const keep = (kind, text) => {
      if (errors.length < KEPT_ERRORS) errors.push(`${kind}: ${text}`);
    };
    page.on('console', (message) => message.type() === 'error' && keep('console', message.text()));
    page.on('pageerror', (error) => keep('uncaught', error.stack ?? error.message));
    page.on('crash', () => keep('crash', 'the page crashed'));
    const number = opened++;
    pages.set(number, { page, errors });
    await page.goto(url);
    return number;
  },

  // An expression; a promise is awaited. What JSON cannot carry arrives as null.
  eval: (request) => pageOf(request).page.evaluate(request.js),

  // Until an expression is true; its value is the answer.
  async screenshot(request) {
    await pageOf(request).page.screenshot({ path: request.path });
  },

  async viewport(request) {
    await pageOf(request).page.setViewportSize({ width: request.width, height: request.height });
  },

  errors: (request) => pageOf(request).errors,

  async close(request) {
    const { page } = pageOf(request);
    pages.delete(request.page);
    await page.close();
  },
};

async function answer(request) {
  try {
    const command = commands[request.command];
    if (!command) throw new Error(`no such command: ${request.command}`);
    return { id: request.id, value: (await command(request)) ?? null };
  } catch (error) {
    return { id: request.id, error: error.message };
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  answer(JSON.parse(line)).then((reply) => process.stdout.write(`${JSON.stringify(reply)}\n`));
}
await browser.close();
