// Kills the camera, the network path and the server in turn: each tile says what happened, and comes back alone, in the
// same page.
//
//   VAS_BINARY=target/debug/vas-server [VAS_DASHBOARD=dist] [VAS_OUT=folder] node test/e2e/faults.mjs
//
// VAS_DASHBOARD is the folder of the built dashboard, for a program that has none in it.

import { check, open, run, shot, tiles, until } from './media-lib.mjs';
import { MediaPath } from './media-path.mjs';
import { Server } from './servers.mjs';

const EXPECTED = /ERR_|Failed to load resource|WebSocket|net::/;

await run('faults', async (browser) => {
  const near = await Server.make({ cameras: 2 });
  const cameras = await Server.make({ cameras: 1 });
  const server = await Server.make();
  const path = new MediaPath();
  await path.start();
  try {
    await server.add('Near camera', `rtsp://127.0.0.1:${near.rtsp}/camera1`);
    await server.add('Other camera', `rtsp://127.0.0.1:${near.rtsp}/camera2`);
    await server.add('Far camera', `rtsp://127.0.0.1:${cameras.rtsp}/camera1`);
    const page = await open(browser, `${server.url}/sign-in`, { allowed: (text) => EXPECTED.test(text) });
    await path.through(page);
    await page.goto(new URL('/live', page.url()).href);
    await page.evaluate(() => (window.sameDocument = true));
    const playing = async (count = 3) => {
      const all = await tiles(page);
      return all.length === count && all.every(({ state }) => state === 'playing');
    };
    const far = async () => (await tiles(page)).find(({ words }) => words.startsWith('Far camera'));
    await until('all three to play', playing);

    await cameras.kill();
    const away = await until('the camera to be missed', async () => /Camera not available|Connecting to the camera/.test((await far()).words) && far());
    check('the camera is away: the tile says so', true, away.words);
    check('the others play on', (await tiles(page)).filter(({ state }) => state === 'playing').length === 2);
    const said = await until('its own reason and retry', async () => /Camera not available, .*(refused|closed|answer).*retry/.test((await far()).words) && far());
    check('the server’s reason and its own retry time', true, said.words);
    await shot(page, 'fault-camera');
    await cameras.start();
    await until('the camera to come back alone', playing);
    check('it came back alone', await page.evaluate(() => window.sameDocument));

    path.cut = true;
    const states = new Set();
    const stopped = await until('pictures to stop', async () => {
      const all = await tiles(page);
      for (const { state } of all) states.add(state);
      return all.every(({ words }) => /Picture stopped \d+ s ago|Reconnecting/.test(words)) && all;
    });
    check('the path is cut: the tiles say since when', true, stopped[0].words);
    await shot(page, 'fault-network-stopped');
    const again = await until('attempts', async () => {
      const all = await tiles(page);
      for (const { state } of all) states.add(state);
      return all.find(({ words }) => /Reconnecting, attempt \d+, retry in \d+ s/.test(words));
    });
    check('and that they try', states.has('late') || states.has('stalled'), `${again.words} (${[...states].join()})`);
    check('it is not taken for the server', !(await page.locator('main').innerText()).includes('Connection to the server lost'));
    await shot(page, 'fault-network');
    path.cut = false;
    await until('all to come back', playing);
    check('they came back alone', await page.evaluate(() => window.sameDocument));

    await server.kill();
    const banner = page.getByText('Connection to the server lost. Trying again.');
    await banner.waitFor({ timeout: 60_000 });
    check('the server is gone: one banner', (await banner.count()) === 1);
    await shot(page, 'fault-server');
    await server.start();
    await banner.waitFor({ state: 'detached', timeout: 60_000 });
    await until('all to play again', playing);
    check('all came back alone', await page.evaluate(() => window.sameDocument));
    check('nothing unexpected is in the console', page.errors.length === 0, page.errors.join('\n'));
  } finally {
    path.close();
    await Promise.all([server, cameras, near].map((one) => one.close()));
  }
});
