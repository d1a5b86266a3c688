// <vas-player> in a page that is not the dashboard: it plays, says its state, and takes another camera.
//
//   VAS_URL=http://127.0.0.1:8080 [VAS_TOKEN=...] [VAS_OUT=folder] node test/e2e/player-element.mjs

import { check, liveStreams, open, run, shot, until, url } from './media-lib.mjs';

await run('player element', async (browser) => {
  const streams = await liveStreams();
  const page = await open(browser, '/health');
  const token = process.env.VAS_TOKEN ? ` token="${process.env.VAS_TOKEN}"` : '';
  await page.route('**/a-page-of-somebody-else', (route) => route.fulfill({
    contentType: 'text/html',
    body: `<!doctype html><title>Page</title><script type="module" src="${url}/player/vas-player.js"></script>
      <h1>A page</h1><vas-player src="${url}" stream="${streams[0].id}"${token} muted></vas-player>`,
  }));
  await page.goto(new URL('/a-page-of-somebody-else', url).href);
  const look = () => page.evaluate(() => {
    const player = document.querySelector('vas-player');
    return { state: player.state, frames: player.video?.getVideoPlaybackQuality().totalVideoFrames ?? 0, label: player.ariaLabel ?? player.getAttribute('aria-label') };
  });
  await until('it to play', async () => (await look()).state === 'playing');
  const first = await look();
  await until('pictures to advance', async () => (await look()).frames > first.frames + 20);
  check('it plays', first.label === 'Live', first.label);
  await shot(page, 'player-element');

  const states = page.evaluate((other) => new Promise((done) => {
    const player = document.querySelector('vas-player');
    const seen = [];
    player.addEventListener('vas-state', ({ detail }) => {
      seen.push(detail.state);
      if (detail.state === 'playing' && seen.includes('connecting')) done(seen);
    });
    player.setAttribute('stream', other);
  }), (streams[1] ?? streams[0]).id + (streams[1] ? '' : ' '));
  if (streams[1]) check('another camera is another session', (await states).includes('connecting'), (await states).join());

  await page.evaluate(() => document.querySelector('vas-player').setAttribute('stream', '00000000-0000-7000-8000-000000000000'));
  await until('an unknown camera to be refused', async () => (await look()).state === 'refused');
  check('it says that there is no such camera', /can’t be shown/.test((await look()).label), (await look()).label);
  await page.evaluate(() => document.querySelector('vas-player').remove());
});
