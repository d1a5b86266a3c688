// What the media checks have in common: a browser, a server, and waiting on what is true.
//
// Environment: VAS_URL the server's address; VAS_CHROMIUM the browser; VAS_OUT a folder for screenshots.

import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { chromium } from 'playwright-core';

export const url = (process.env.VAS_URL ?? 'http://127.0.0.1:8080').replace(/\/$/, '');
/** Generous: machines that build at the same time are slow. */
export const PATIENCE = 60_000;

export async function launch() {
  return chromium.launch({
    executablePath: process.env.VAS_CHROMIUM ?? '/usr/bin/chromium',
    args: [
      '--headless=new', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
      '--disable-component-update', '--disable-sync', '--autoplay-policy=no-user-gesture-required', '--enable-precise-memory-info',
    ],
  });
}

/** Opens a page that keeps what it prints as an error. `allowed` tells errors that the check itself brings about. */
export async function open(browser, path, { width = 1440, height = 900, theme = 'dark', phone = false, allowed = () => false } = {}) {
  const page = await browser.newPage({
    viewport: { width, height }, colorScheme: theme, hasTouch: phone, isMobile: phone, deviceScaleFactor: phone ? 2 : 1,
    acceptDownloads: true,
  });
  page.errors = [];
  const keep = (text) => !allowed(text) && page.errors.push(text);
  page.on('console', (message) => message.type() === 'error' && keep(`${message.text()} ${message.location().url}`));
  page.on('pageerror', (error) => keep(error.stack ?? error.message));
  await page.goto(new URL(path, url).href);
  return page;
}

/** Waits until `look` gives something true, and returns it. */
export async function until(what, look, patience = PATIENCE) {
  const end = Date.now() + patience;
  let last;
  while (Date.now() < end) {
    last = await look();
    if (last) return last;
    await new Promise((done) => setTimeout(done, 150));
  }
  throw new Error(`waited in vain for: ${what}`);
}

export function check(what, holds, detail = '') {
  if (!holds) throw new Error(`${what} ${detail}`);
  console.log(`ok  ${what}${detail ? ` ${detail}` : ''}`);
}

export async function shot(page, name) {
  if (!process.env.VAS_OUT) return;
  await mkdir(process.env.VAS_OUT, { recursive: true });
  await page.screenshot({ path: join(process.env.VAS_OUT, `${name}.png`) });
}

/** The wall's tiles: their words, states and pictures presented so far. */
export function tiles(page) {
  return page.evaluate(() => [...document.querySelectorAll('[data-stream]')].map((tile) => ({
    id: tile.dataset.stream,
    words: tile.getAttribute('aria-label'),
    state: tile.dataset.state,
    way: tile.dataset.way,
    frames: tile.querySelector('video').getVideoPlaybackQuality().totalVideoFrames,
    box: (({ x, y, width, height }) => ({ x, y, width, height }))(tile.getBoundingClientRect()),
  })));
}

export async function api(path, options = {}) {
  const headers = { Accept: 'application/json', ...(options.body ? { 'Content-Type': 'application/json' } : {}), Origin: new URL(url).origin };
  const response = await fetch(new URL(path, url), { ...options, headers });
  const text = await response.text();
  if (!response.ok) throw new Error(`${options.method ?? 'GET'} ${path}: ${response.status} ${text}`);
  return text ? JSON.parse(text) : null;
}

export async function liveStreams() {
  const { streams } = await api('/v2/streams');
  return streams.filter(({ state }) => state === 'LIVE');
}

/** Runs a check, and ends the program with 1 when it fails. */
export async function run(name, body) {
  const browser = await launch();
  try {
    await body(browser);
    console.log(`1 passed, 0 failed (${name})`);
  } catch (error) {
    console.error(error.stack);
    console.log(`0 passed, 1 failed (${name})`);
    process.exitCode = 1;
  } finally {
    await browser.close();
  }
}
