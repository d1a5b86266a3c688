// Recordings against a server that has recorded for a minute at least: plays, seeks, crosses a gap, keeps cameras in
// sync, cuts a clip, bookmarks, and goes live.
//
//   VAS_URL=http://127.0.0.1:8080 [VAS_OUT=folder] node test/e2e/recordings.mjs

import { api, check, liveStreams, open, PATIENCE, run, shot, until } from './media-lib.mjs';

const GAP_MS = 6_000;
/** Answers that say that nothing was recorded then, which browsers print as errors. */
const NOTHING_RECORDED = / 404 .*(playback\.m3u8|storyboard|thumbnail)/;

function stage(page) {
  return page.evaluate(() => {
    const element = document.querySelector('section[data-mode]');
    return element && { mode: element.dataset.mode, state: element.dataset.state, at: Number(element.dataset.at), words: element.innerText,
      frames: [...element.querySelectorAll('video')].map((video) => video.getVideoPlaybackQuality().totalVideoFrames) };
  });
}

const recorded = async (id, since) => {
  const { ranges } = await api(`/v2/streams/${id}/recordings?start=${new Date(since).toISOString()}&end=${new Date().toISOString()}`);
  return ranges.filter(({ layer }) => layer === 'main').map(({ start, end }) => ({ start: Date.parse(start), end: Date.parse(end) }));
};

/** Stops and starts recording, so that there is a gap; returns where it is. */
async function makeGap(id) {
  const began = Date.now();
  await api(`/api/v1/recordings/streams/${id}/stop`, { method: 'POST' });
  await new Promise((done) => setTimeout(done, GAP_MS));
  await api(`/api/v1/recordings/streams/${id}/start`, { method: 'POST' });
  return until('a gap in what is recorded', async () => {
    const ranges = await recorded(id, began - 60_000);
    const [before, after] = ranges.slice(-2);
    return ranges.length > 1 && after.end - after.start > 6_000 && { from: before.end, to: after.start };
  });
}

await run('recordings', async (browser) => {
  const streams = (await liveStreams()).slice(0, 3);
  const [main] = streams;
  const gap = await makeGap(main.id);
  const ids = streams.map(({ id }) => id).join();
  const start = gap.from - 6_000;
  const page = await open(browser, `/recordings/${ids}?t=${start}`, { allowed: (text) => NOTHING_RECORDED.test(text) });

  await until('recorded pictures', async () => (await stage(page))?.state === 'playing');
  const first = await stage(page);
  await until('pictures to go on', async () => (await stage(page)).at > first.at + 1_500);
  check('it plays from the time in the address', first.at >= start - 1_000 && first.at < gap.from, `${first.at - start} ms after it`);
  if (streams.length > 1) {
    await until('the others to be in sync', async () => /within \d+ ms/.test(await page.locator('aside').innerText()));
    check('cameras are in sync', true, (await page.locator('aside').innerText()).match(/within \d+ ms/)[0]);
  }
  await shot(page, 'recordings-dark');
  await until('the gap to be told', async () => /Skipped \d+ s without recording/.test((await stage(page)).words));
  const behind = await until('a picture behind the gap', async () => {
    const now = await stage(page);
    return now.at >= gap.to - 200 && now;
  });
  check('the gap is passed over', true, `at ${behind.at - gap.to} ms behind it`);
  await shot(page, 'recordings-gap');

  // A click on the timeline seeks; the keys jump.
  const timeline = page.getByRole('slider', { name: 'Time of the picture' });
  const box = await timeline.boundingBox();
  await page.keyboard.press('Space');
  await until('it to pause', async () => (await stage(page)).state === 'paused');
  const at = (await stage(page)).at;
  await page.keyboard.press('ArrowLeft');
  await until('a jump of 5 s', async () => Math.abs((await stage(page)).at - (at - 5_000)) < 400 || (await stage(page)).at === gap.to);
  await page.mouse.move(box.x + box.width * 0.5, box.y + 90);
  await page.waitForTimeout(600);
  await shot(page, 'recordings-hover');
  await page.mouse.wheel(0, 60);
  await page.keyboard.down('Control');
  await page.mouse.wheel(0, -400);
  await page.keyboard.up('Control');
  await page.mouse.click(box.x + box.width * 0.3, box.y + 90);
  await until('the click to seek', async () => Math.abs((await stage(page)).at - at) > 2_000);
  check('click, wheel and keys move it', true);

  // Dragging stays smooth: no task longer than 50 ms is the page's own.
  await page.evaluate(() => {
    window.longTasks = [];
    new PerformanceObserver((list) => window.longTasks.push(...list.getEntries().map(({ duration }) => duration))).observe({ entryTypes: ['longtask'] });
  });
  await page.mouse.move(box.x + box.width * 0.6, box.y + 40);
  await page.mouse.down();
  for (let x = 0; x < 40; x++) await page.mouse.move(box.x + box.width * 0.6 + x * 5, box.y + 40);
  await page.mouse.up();
  console.log(`    long tasks while dragging: ${JSON.stringify(await page.evaluate(() => window.longTasks))}`);

  // A clip, by keys, saved as a file and as a bookmark.
  await page.goto(new URL(`/recordings/${main.id}?t=${gap.to + 1_000}`, page.url()).href);
  await until('recorded pictures again', async () => ['playing', 'paused'].includes((await stage(page))?.state) && (await stage(page)).at > gap.to);
  await page.keyboard.press('i');
  await page.waitForTimeout(2_500);
  await page.keyboard.press('o');
  await page.getByText(/^Clip 0:0\d/).waitFor({ timeout: PATIENCE });
  await shot(page, 'recordings-clip');
  const [download] = await Promise.all([page.waitForEvent('download', { timeout: PATIENCE }), page.getByRole('button', { name: 'MP4' }).click()]);
  const clip = await download.createReadStream();
  let size = 0;
  for await (const chunk of clip) size += chunk.length;
  check('the clip comes as a file', size > 2_000, `${download.suggestedFilename()}, ${size} bytes`);

  await page.getByRole('button', { name: 'Save bookmark' }).click();
  const label = `Check ${Date.now()}`;
  await page.getByLabel('Label').fill(label);
  await page.getByLabel('Tags').fill('check, clip');
  await shot(page, 'recordings-bookmark');
  await page.getByRole('button', { name: 'Save', exact: true }).click();
  const saved = await until('the bookmark on the server', async () => (await api(`/v2/bookmarks?stream_id=${main.id}`)).bookmarks.find((bookmark) => bookmark.label === label));
  check('the clip is bookmarked', saved.tags.join() === 'check,clip' && Math.abs(saved.duration_seconds - 2.7) < 1.5, `${saved.duration_seconds} s`);
  await page.keyboard.press('Escape');

  const count = (await api(`/v2/snapshots?stream_id=${main.id}`)).pagination.total;
  await page.keyboard.press('s');
  await until('a snapshot', async () => (await api(`/v2/snapshots?stream_id=${main.id}`)).pagination.total > count);
  check('S takes a snapshot', true);
  await page.keyboard.press('n');
  await until('live pictures', async () => (await stage(page)).mode === 'live' && (await stage(page)).frames[0] > 25);
  check('N goes live', true);
  await shot(page, 'recordings-live');
  check('nothing is wrong in the console', page.errors.length === 0, page.errors.join('\n'));
  await page.close();

  for (const [name, options] of [['recordings-light', { theme: 'light' }], ['recordings-phone', { width: 390, height: 844, phone: true }]]) {
    const other = await open(browser, `/recordings/${ids}?t=${Date.now() - 30_000}`, options);
    await until(`${name} to play`, async () => (await stage(other))?.state === 'playing');
    await other.waitForTimeout(1_500);
    await shot(other, name);
    await other.close();
  }
});
