// The page: asks for the streams once a second and keeps a tile for each.

import { Tile } from './tile.js';

const POLL_MS = 1_000;
const ANSWER_MS = 5_000;
const PAGE = 100;
const MIN_TILE = 280;
const ASPECT = 16 / 9;
/** Tiles of this share of the largest possible width are as good. */
const NEARLY = 0.92;

const byId = (id) => document.getElementById(id);
const wall = byId('wall');
const tiles = new Map();
let updatedAt = null;

async function fetchStreams() {
  const streams = [];
  for (;;) {
    const response = await fetch(`/v2/streams?limit=${PAGE}&offset=${streams.length}`, {
      signal: AbortSignal.timeout(ANSWER_MS),
      cache: 'no-store',
    });
    if (!response.ok) throw new Error(`the server answered ${response.status}`);
    const { streams: page, pagination } = await response.json();
    streams.push(...page);
    if (page.length === 0 || streams.length >= pagination.total) return streams;
  }
}

function show(streams) {
  const present = new Set(streams.map(({ id }) => id));
  for (const [id, tile] of tiles) {
    if (present.has(id)) continue;
    tile.close();
    tiles.delete(id);
  }
  for (const stream of streams) {
    const tile = tiles.get(stream.id);
    if (tile) {
      tile.update(stream);
    } else {
      const added = new Tile(byId('tile'), stream);
      tiles.set(stream.id, added);
      wall.append(added.element);
    }
  }
  wall.hidden = streams.length === 0;
  byId('empty').hidden = streams.length > 0;
  layOut();
  summarise(streams);
}

function summarise(streams) {
  const live = streams.filter(({ state }) => state === 'LIVE');
  const failed = streams.filter(({ state }) => state === 'ERROR').length;
  const parts = [`${live.length} of ${streams.length} live`];
  if (failed > 0) parts.push(`${failed} not available`);
  setText('summary', streams.length > 0 ? parts.join(' · ') : '');
  const megabits = live.reduce((sum, { metrics }) => sum + metrics.bitrate_kbps, 0) / 1_000;
  const viewers = streams.reduce((sum, { consumers }) => sum + consumers.count, 0);
  setText('totals', `${megabits.toFixed(1)} Mb/s from cameras · ${viewers} ${viewers === 1 ? 'viewer' : 'viewers'}`);
}

/** Text that is the same is not written again: screen readers would read it again. */
function setText(id, text) {
  const element = byId(id);
  if (element.textContent !== text) element.textContent = text;
}

/**
 * As many columns as make the tiles about as large as they can be while all are in view, rather more columns than
 * fewer: windows are wide. Where the tiles would be too small, the wall scrolls.
 */
function layOut() {
  const count = tiles.size;
  if (count === 0) return;
  const gap = 4;
  const [width, height] = [wall.clientWidth - 2 * gap, wall.clientHeight - 2 * gap];
  const widthOf = (columns) => {
    const rows = Math.ceil(count / columns);
    const fitting = ((height - (rows - 1) * gap) / rows) * ASPECT;
    return Math.min((width - (columns - 1) * gap) / columns, fitting);
  };
  const candidates = Array.from({ length: count }, (_, index) => index + 1);
  const largest = Math.max(...candidates.map(widthOf));
  let columns = candidates.findLast((candidate) => widthOf(candidate) >= largest * NEARLY);
  let tile = widthOf(columns);
  if (tile < MIN_TILE) {
    columns = Math.max(1, Math.floor((width + gap) / (MIN_TILE + gap)));
    tile = (width - (columns - 1) * gap) / columns;
  }
  wall.style.gridTemplateColumns = `repeat(${Math.min(columns, count)}, ${Math.floor(tile)}px)`;
}

async function poll() {
  const streams = await fetchStreams().catch(() => null);
  byId('banner').hidden = streams !== null;
  if (streams) {
    updatedAt = new Date();
    setText('updated', '');
    show(streams);
  } else {
    setText('banner', 'Connection to the server lost. Trying again.');
    if (updatedAt) setText('updated', `Not updated since ${updatedAt.toLocaleTimeString()}`);
  }
  setTimeout(poll, POLL_MS);
}

function tickClock() {
  setText('clock', new Date().toLocaleTimeString());
  setTimeout(tickClock, 1_000 - (Date.now() % 1_000));
}

function writeExamples() {
  const { origin } = location;
  byId('example-add').textContent =
    `curl -X POST ${origin}/api/v1/devices -H 'Content-Type: application/json' \\\n`
    + `     -d '{"name": "Gate", "rtsp_url": "rtsp://user:password@192.0.2.10:554/stream"}'`;
  byId('example-start').textContent = `curl -X POST ${origin}/api/v1/devices/ID/start-stream`;
}

new ResizeObserver(layOut).observe(wall);
addEventListener('online', () => tiles.forEach((tile) => tile.session.hurry()));
// Pages that come back from the browser's cache go on with new sessions.
addEventListener('pagehide', () => tiles.forEach((tile) => tile.session.close()));
writeExamples();
tickClock();
poll();
