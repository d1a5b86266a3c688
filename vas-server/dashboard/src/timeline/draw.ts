/** Paints the timeline's tracks: the day's overview, the ruler, and a lane for each camera. */

import { bucketFor, type Clip, HOUR, type Ticks, type View, xOf } from "./model";
import type { Lane, Tile } from "./tiles";

/** Heights in CSS pixels. */
export const OVERVIEW = 28;
export const RULER = 28;
export const MAIN = 70;
export const OTHER = 34;
const MAIN_BAR = 16;
const OTHER_BAR = 14;
const BARS = 40;
/** Between two bars of activity, from start to start. */
const BAR_PITCH = 6.25;

export interface Palette {
  readonly bg0: string; readonly bg1: string; readonly line: string; readonly t1: string; readonly t2: string; readonly t3: string;
  readonly ink: string; readonly onink: string; readonly acc: string; readonly ok: string; readonly mark: string; readonly rec: string;
  readonly bars: string; readonly past: string;
  readonly font: string;
}

export interface Scene {
  readonly view: View;
  readonly height: number;
  /** The order of the lanes; the first is the main one. */
  readonly streams: readonly string[];
  readonly tiles: readonly Tile[];
  readonly dayTiles: readonly Tile[];
  readonly day: { readonly start: number; readonly end: number };
  readonly now: number;
  readonly ticks: Ticks;
  readonly tickLabel: (at: number, step: number) => string;
  readonly clip: Clip | null;
  readonly overview: boolean;
  readonly palette: Palette;
  readonly hatch: CanvasPattern | null;
}

/** Where a lane's band lies: top and height of the row, top and height of its bar. */
export function laneBand(index: number, overview: boolean): { top: number; height: number; bar: number; barHeight: number } {
  const first = (overview ? OVERVIEW : 0) + RULER;
  if (index === 0) return { top: first, height: MAIN, bar: first + MAIN - MAIN_BAR, barHeight: MAIN_BAR };
  const top = first + MAIN + (index - 1) * OTHER;
  return { top, height: OTHER, bar: top + OTHER - OTHER_BAR - 8, barHeight: OTHER_BAR };
}

function rounded(context: CanvasRenderingContext2D, x: number, y: number, width: number, height: number, radius: number): void {
  context.beginPath();
  context.roundRect(x, y, Math.max(width, 0.5), height, Math.min(radius, Math.max(width, 0) / 2));
  context.fill();
}

function lanesOf(tiles: readonly Tile[], stream: string): Lane[] {
  return tiles.flatMap((tile) => tile.lanes.get(stream) ?? []);
}

/** The ranges of several tiles, joined where tiles meet. */
export function joined(lanes: readonly Lane[]): [number, number][] {
  const all = lanes.flatMap(({ ranges }) => ranges.map(([from, to]): [number, number] => [from, to])).sort((a, b) => a[0] - b[0]);
  const result: [number, number][] = [];
  for (const range of all) {
    const last = result.at(-1);
    if (last && range[0] - last[1] < 500) last[1] = Math.max(last[1], range[1]);
    else result.push(range);
  }
  return result;
}

/** The breaks between ranges; what lies before the first and after the last is none. */
export function gapsOf(ranges: readonly (readonly [number, number])[]): [number, number][] {
  return ranges.slice(1).map(([start], index) => [ranges[index]?.[1] ?? start, start]);
}

function drawRanges(context: CanvasRenderingContext2D, scene: Scene, lanes: readonly Lane[], top: number, height: number): void {
  const { view, palette, hatch } = scene;
  const ranges = joined(lanes);
  context.fillStyle = palette.rec;
  for (const [from, to] of ranges) {
    const [a, b] = [Math.max(xOf(view, from), -4), Math.min(xOf(view, to), view.width + 4)];
    if (b >= a) rounded(context, a, top, b - a, height, 2);
  }
  if (!hatch) return;
  context.save();
  context.globalAlpha = 0.7;
  context.fillStyle = hatch;
  for (const [from, to] of gapsOf(ranges)) {
    const [a, b] = [Math.max(xOf(view, from), 0), Math.min(xOf(view, to), view.width)];
    if (b - a >= 1) context.fillRect(a, top, b - a, height);
  }
  context.restore();
}

/** Bars of what moves: several buckets share one where they are narrower than it. */
function drawActivity(context: CanvasRenderingContext2D, scene: Scene, stream: string, bottom: number): void {
  const { view, palette } = scene;
  const bucket = bucketFor(view.span);
  const perBucket = (bucket / view.span) * view.width;
  const group = Math.max(1, Math.round(BAR_PITCH / perBucket));
  const bars: [number, number][] = [];
  let floor = 255;
  let top = 0;
  for (const tile of scene.tiles) {
    const activity = tile.lanes.get(stream)?.activity;
    if (!activity) continue;
    const first = Math.max(0, Math.floor((view.start - tile.start) / bucket) - group);
    const last = Math.min(activity.length, Math.ceil((view.start + view.span - tile.start) / bucket) + group);
    // Groups lie fast in time, so that bars do not flicker while the view moves.
    const aligned = first - (((Math.floor(tile.start / bucket) + first) % group) + group) % group;
    for (let at = aligned; at < last; at += group) {
      let value = 0;
      for (let index = Math.max(at, 0); index < Math.min(at + group, activity.length); index++) value = Math.max(value, activity[index] ?? 0);
      if (value === 0) continue;
      bars.push([tile.start + at * bucket, value]);
      floor = Math.min(floor, value);
      top = Math.max(top, value);
    }
  }
  // A quiet scene stays low: three doublings of the bits fill the height at least.
  const range = Math.max(top - floor, 84);
  const width = Math.max(1.5, perBucket * group - Math.max(1, perBucket * group * 0.26));
  context.fillStyle = palette.bars;
  for (const [at, value] of bars) {
    const height = 2.5 + ((value - floor) / range) * (BARS - 2.5);
    rounded(context, xOf(view, at), bottom - height, width, height, 1);
  }
}

function drawOverview(context: CanvasRenderingContext2D, scene: Scene): void {
  const { view, palette, day, hatch } = scene;
  const whole: View = { start: day.start, span: day.end - day.start, width: view.width };
  const lanes = lanesOf(scene.dayTiles, scene.streams[0] ?? "");
  const ranges = joined(lanes);
  context.fillStyle = palette.past;
  for (const [from, to] of ranges) {
    const [a, b] = [Math.max(0, xOf(whole, from)), Math.min(view.width, xOf(whole, to))];
    if (b > a) rounded(context, a, 8, b - a, 12, 2);
  }
  context.fillStyle = palette.bg1;
  for (let at = day.start + HOUR; at < day.end; at += HOUR) context.fillRect(Math.round(xOf(whole, at)), 8, 1, 12);
  if (hatch) {
    context.fillStyle = hatch;
    for (const [from, to] of gapsOf(ranges)) context.fillRect(xOf(whole, from), 8, Math.max(1, xOf(whole, to) - xOf(whole, from)), 12);
  }
  const [a, b] = [xOf(whole, view.start), xOf(whole, view.start + view.span)];
  const width = Math.max(6, b - a);
  const left = Math.min(view.width - width - 1, Math.max(1, a + (b - a - width) / 2));
  if (b < 0 || a > view.width) return;
  context.lineWidth = 1.5;
  context.strokeStyle = palette.t1;
  context.fillStyle = palette.t1;
  context.beginPath();
  context.roundRect(left, 4, width, 20, 3);
  context.globalAlpha = 0.1;
  context.fill();
  context.globalAlpha = 1;
  context.stroke();
}

function drawRuler(context: CanvasRenderingContext2D, scene: Scene, top: number): void {
  const { view, palette, ticks } = scene;
  const lanes = laneBand(0, scene.overview);
  context.font = `450 11px ${palette.font}`;
  context.textAlign = "center";
  context.textBaseline = "alphabetic";
  const edge = xOf(view, scene.now);
  for (const at of ticks.times) {
    const x = Math.round(xOf(view, at));
    context.fillStyle = palette.line;
    context.fillRect(x, lanes.top, 1, scene.height - lanes.top - 8);
    // A label next to the word for the present would run into it.
    if (x > edge - 4 && x < edge + 52) continue;
    context.fillStyle = palette.t3;
    const label = scene.tickLabel(at, ticks.step);
    const half = context.measureText(label).width / 2;
    if (x - half < -2 || x + half > view.width + 2) continue;
    context.fillText(label, x, top + RULER - 4);
  }
}

/** Bookmarks: a line, and a flag with the label where there is room for it. */
function drawMarks(context: CanvasRenderingContext2D, scene: Scene): void {
  const { view, palette } = scene;
  const band = laneBand(0, scene.overview);
  const marks = new Map(lanesOf(scene.tiles, scene.streams[0] ?? "").flatMap(({ bookmarks }) => bookmarks.map((mark) => [mark.id, mark])));
  const sorted = [...marks.values()].sort((a, b) => a.at - b.at);
  context.font = `600 11px ${palette.font}`;
  context.textAlign = "left";
  context.textBaseline = "middle";
  let free = -Infinity;
  for (const mark of sorted) {
    const x = xOf(view, mark.at);
    if (x < -200 || x > view.width + 4) continue;
    context.fillStyle = palette.mark;
    context.fillRect(x - 0.75, band.top + 8, 1.5, band.height - 8);
    const label = mark.label ?? "";
    const width = Math.min(140, context.measureText(label).width) + 10;
    if (!label || x < free) continue;
    context.beginPath();
    context.roundRect(x - 1, band.top + 2, width, 15, [3, 3, 3, 0]);
    context.fill();
    context.fillStyle = palette.bg1;
    context.fillText(label, x + 4, band.top + 10, 140);
    free = x + width + 4;
  }
}

function drawClip(context: CanvasRenderingContext2D, scene: Scene, clip: Clip): void {
  const { view, palette } = scene;
  const top = (scene.overview ? OVERVIEW : 0) + 26;
  const [a, b] = [xOf(view, clip.from), xOf(view, clip.to)];
  const height = scene.height - top;
  context.fillStyle = palette.acc;
  context.globalAlpha = 0.18;
  rounded(context, a, top, b - a, height, 3);
  context.globalAlpha = 1;
  for (const x of [a, b - 3]) {
    context.fillStyle = palette.acc;
    rounded(context, x, top, 3, height, 1.5);
    context.fillStyle = palette.bg0;
    context.globalAlpha = 0.55;
    rounded(context, x + 0.75, top + height / 2 - 9, 1.5, 18, 1);
    context.globalAlpha = 1;
  }
}

function drawEdges(context: CanvasRenderingContext2D, scene: Scene): void {
  const { view, palette } = scene;
  const band = laneBand(0, scene.overview);
  const kept = lanesOf(scene.tiles, scene.streams[0] ?? "").find(({ retained_from }) => retained_from !== null)?.retained_from;
  if (kept != null) {
    const x = xOf(view, kept);
    if (x > 0 && x < view.width) {
      context.strokeStyle = palette.t3;
      context.setLineDash([2, 3]);
      context.beginPath();
      context.moveTo(x, band.top);
      context.lineTo(x, scene.height);
      context.stroke();
      context.setLineDash([]);
    }
  }
  const edge = xOf(view, scene.now);
  if (edge < 0 || edge > view.width) return;
  // The future is blank: gridlines end at the present.
  context.clearRect(edge + 2, band.top, view.width - edge, scene.height - band.top);
  context.fillStyle = palette.ok;
  context.fillRect(edge, band.top - 22, 2, scene.height - band.top + 22);
}

export function drawTracks(context: CanvasRenderingContext2D, scene: Scene): void {
  context.clearRect(0, 0, scene.view.width, scene.height);
  if (scene.overview) drawOverview(context, scene);
  drawRuler(context, scene, scene.overview ? OVERVIEW : 0);
  scene.streams.forEach((stream, index) => {
    const { bar, barHeight } = laneBand(index, scene.overview);
    if (bar + barHeight > scene.height) return;
    drawRanges(context, scene, lanesOf(scene.tiles, stream), bar, barHeight);
    if (index === 0) drawActivity(context, scene, stream, bar);
  });
  drawEdges(context, scene);
  drawMarks(context, scene);
  if (scene.clip) drawClip(context, scene, scene.clip);
}
