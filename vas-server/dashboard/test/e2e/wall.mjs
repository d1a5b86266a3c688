// The live wall against a server with cameras: every tile's pictures advance, memory stays, nothing reconnects by being
// enlarged, layouts and keys do what they say.
//
//   VAS_URL=http://127.0.0.1:8080 [VAS_SECONDS=60] [VAS_OUT=folder] node test/e2e/wall.mjs

import { check, liveStreams, open, run, shot, tiles, until } from './media-lib.mjs';

const seconds = Number(process.env.VAS_SECONDS ?? 10);
/** Growth of the heap that is a leak, in bytes: far beyond what figures and their history take. */
const LEAK = 20e6;

/** Notes when each tile began to connect, and when it first played. */
function watchStates() {
  window.times = {};
  new MutationObserver((changes) => {
    for (const { target } of changes) {
      const { stream, state } = target.dataset;
      if (!stream) continue;
      const seen = (window.times[stream] ??= { states: [] });
      seen.states.push(state);
      if (state === 'connecting') seen.began ??= performance.now();
      if (state === 'playing') seen.played ??= performance.now();
    }
  }).observe(document, { subtree: true, attributes: true, attributeFilter: ['data-state'] });
}

await run('wall', async (browser) => {
  const expected = (await liveStreams()).length;
  // Sessions that are closed when the server has ended them already are none of the page's faults.
  const page = await open(browser, '/sign-in', { allowed: (text) => / 404 .*\/whep\//.test(text) });
  await page.addInitScript(watchStates);
  await page.goto(new URL('/live', page.url()).href);
  await until('all tiles to play', async () => {
    const all = await tiles(page);
    return all.length === Math.min(expected, 36) && all.every(({ state }) => state === 'playing');
  });
  const times = await page.evaluate(() => Object.values(window.times).map(({ began, played }) => played - began));
  times.sort((a, b) => a - b);
  console.log(`    first picture: median ${times[Math.floor(times.length / 2)]?.toFixed(0)} ms, p95 ${times[Math.ceil(times.length * 0.95) - 1]?.toFixed(0)} ms`);
  await shot(page, 'live-dark');

  const cdp = await page.context().newCDPSession(page);
  await cdp.send('Performance.enable');
  const figures = async () => {
    await cdp.send('HeapProfiler.collectGarbage');
    const { metrics } = await cdp.send('Performance.getMetrics');
    const of = (name) => metrics.find((metric) => metric.name === name)?.value ?? 0;
    return { heap: of('JSHeapUsedSize'), script: of('ScriptDuration'), nodes: of('Nodes'), at: of('Timestamp') };
  };
  const before = await figures();
  let last = await tiles(page);
  for (let at = 0; at < seconds; at += 5) {
    await page.waitForTimeout(Math.min(5, seconds - at) * 1_000);
    const now = await tiles(page);
    for (const tile of now) {
      const earlier = last.find(({ id }) => id === tile.id);
      if (!(tile.frames > earlier.frames)) throw new Error(`${tile.words}: no new picture in 5 s (${tile.frames})`);
    }
    last = now;
  }
  const after = await figures();
  check(`every tile of ${expected} advances for ${seconds} s`, true);
  check('the heap does not grow', after.heap - before.heap < LEAK, `${(before.heap / 1e6).toFixed(1)} -> ${(after.heap / 1e6).toFixed(1)} MB`);
  console.log(`    script: ${((100 * (after.script - before.script)) / (after.at - before.at)).toFixed(1)} % of a core; nodes ${before.nodes} -> ${after.nodes}`);

  // Enlarging a tile moves no video: its pictures go on, and no session begins anew.
  const [first] = await tiles(page);
  const connects = await page.evaluate(() => Object.values(window.times).flatMap(({ states }) => states).filter((state) => state === 'connecting').length);
  await page.locator(`[data-stream="${first.id}"]`).dblclick({ position: { x: 60, y: 60 } });
  await until('the tile to fill the wall', async () => (await tiles(page)).find(({ id }) => id === first.id).box.width > first.box.width * 1.3 || expected === 1);
  await shot(page, 'live-zoomed');
  await page.keyboard.press('Escape');
  await until('the tile to go back', async () => Math.abs((await tiles(page)).find(({ id }) => id === first.id).box.width - first.box.width) < 2);
  const again = await page.evaluate(() => Object.values(window.times).flatMap(({ states }) => states).filter((state) => state === 'connecting').length);
  check('enlarging reconnects nothing', connects === again, `${connects} -> ${again}`);

  // Layouts by keys; what does not fit is on another page.
  await page.keyboard.press('1');
  await until('one tile', async () => (await tiles(page)).length === 1);
  await page.keyboard.press('7');
  await until('one large and five small', async () => {
    const all = await tiles(page);
    return all.length === Math.min(6, expected) && (all.length < 2 || all[0].box.width > all[1].box.width * 1.8);
  });
  await until('them to play', async () => (await tiles(page)).every(({ state }) => state === 'playing'));
  await shot(page, 'live-focus');

  // In edit mode the arrows move a tile, and Shift with an arrow makes it larger.
  if (expected >= 4) {
    await page.keyboard.press('2');
    await page.getByRole('button', { name: 'Edit layout' }).click();
    const order = async () => (await tiles(page)).slice().sort((a, b) => a.box.y - b.box.y || a.box.x - b.box.x).map(({ id }) => id);
    const was = await order();
    await page.locator(`[data-stream="${was[0]}"]`).focus();
    await page.keyboard.press('ArrowRight');
    await until('two tiles to change places', async () => (await order())[1] === was[0]);
    await page.keyboard.press('Shift+ArrowRight');
    await until('a tile of two cells', async () => new URL(page.url()).searchParams.get('layout') === 'custom');
    await shot(page, 'live-edit');
    await page.keyboard.press('Escape');
  }
  await page.goto(new URL('/live?kiosk=1', page.url()).href);
  await until('the kiosk to play', async () => (await tiles(page)).every(({ state }) => state === 'playing') && (await tiles(page)).length > 0);
  await shot(page, 'live-kiosk');
  check('nothing is wrong in the console', page.errors.length === 0, page.errors.join('\n'));
  await page.close();

  for (const [name, options] of [['live-light', { theme: 'light' }], ['live-phone', { width: 390, height: 844, phone: true }]]) {
    const other = await open(browser, '/live', options);
    await until(`${name} to play`, async () => (await tiles(other)).some(({ state }) => state === 'playing'));
    await other.waitForTimeout(2_500);
    await shot(other, name);
    await other.close();
  }
});
