/** The timeline's arithmetic: what is in view, which detail it needs, where its ticks are, what is snapped to. */

export const SECOND = 1_000;
export const MINUTE = 60 * SECOND;
export const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;

export const MIN_SPAN = 30 * SECOND;
export const MAX_SPAN = 30 * DAY;
/** Pixels within which a time is drawn to a bookmark or to the end of a recording. */
export const SNAP_PX = 8;

/** What is in view: times in milliseconds since 1970, and the width that shows them in CSS pixels. */
export interface View {
  readonly start: number;
  readonly span: number;
  readonly width: number;
}

export function xOf(view: View, time: number): number {
  return ((time - view.start) / view.span) * view.width;
}

export function timeAt(view: View, x: number): number {
  return view.start + (x / view.width) * view.span;
}

export function clampSpan(span: number): number {
  return Math.min(MAX_SPAN, Math.max(MIN_SPAN, span));
}

/** The view with another span, in which what was at `x` still is. */
export function zoomed(view: View, factor: number, x: number): View {
  const span = clampSpan(view.span * factor);
  const at = timeAt(view, x);
  return { ...view, span, start: at - (x / view.width) * span };
}

/** The view moved so that what is drawn moves by `dx` pixels; it never leaves sight of the past and the present. */
export function panned(view: View, dx: number, earliest: number, now: number): View {
  const start = view.start - (dx / view.width) * view.span;
  const last = now - view.span * 0.1;
  const first = Math.min(earliest - view.span * 0.9, last);
  return { ...view, start: Math.min(last, Math.max(first, start)) };
}

/** The view with `time` at a place from 0 (left) to 1. */
export function centred(view: View, time: number, place = 0.5): View {
  return { ...view, start: time - place * view.span };
}

const BUCKETS: readonly (readonly [number, number])[] = [
  [10 * MINUTE, SECOND],
  [2 * HOUR, 10 * SECOND],
  [12 * HOUR, MINUTE],
  [3 * DAY, 5 * MINUTE],
  [Infinity, HOUR],
];

/** How fine the data of a span is, in milliseconds. */
export function bucketFor(span: number): number {
  return BUCKETS.find(([most]) => span <= most)?.[1] ?? HOUR;
}

export const TILE_BUCKETS = 512;

/** The starts of the tiles that hold `from..to`. */
export function tileStarts(bucket: number, from: number, to: number): number[] {
  const size = bucket * TILE_BUCKETS;
  const starts: number[] = [];
  for (let start = Math.floor(from / size) * size; start < to; start += size) starts.push(start);
  return starts;
}

const STEPS = [1, 2, 5, 10, 15, 30].map((n) => n * SECOND)
  .concat([1, 2, 5, 10, 15, 30].map((n) => n * MINUTE))
  .concat([1, 2, 3, 6, 12].map((n) => n * HOUR))
  .concat([1, 2, 7].map((n) => n * DAY));
/** Pixels between two labels at least. */
const LABEL_PX = 84;

export interface Ticks {
  readonly step: number;
  readonly times: readonly number[];
}

/** Ticks at whole local times; `offset` says by how much local time is ahead of UTC at an instant. */
export function ticks(view: View, offset: (at: number) => number): Ticks {
  const perPixel = view.span / view.width;
  const step = STEPS.find((candidate) => candidate >= perPixel * LABEL_PX) ?? 7 * DAY;
  const times: number[] = [];
  const end = view.start + view.span;
  // One step early, so that a label that is half in view is drawn.
  const shift = offset(view.start);
  let at = Math.floor((view.start + shift) / step) * step - shift;
  for (; at <= end + step; at += step) {
    // Where clocks change, days are not 24 hours: the tick moves with them.
    const moved = step >= HOUR ? at + shift - offset(at) : at;
    times.push(moved);
  }
  return { step, times };
}

/** The nearest of `targets` within reach of `time`, or `time`. */
export function snapped(view: View, time: number, targets: Iterable<number>): number {
  const reach = (SNAP_PX / view.width) * view.span;
  let best = time;
  let distance = reach;
  for (const target of targets) {
    const off = Math.abs(target - time);
    if (off <= distance) [best, distance] = [target, off];
  }
  return best;
}

/** A part of the time that is marked for a clip. */
export interface Clip {
  readonly from: number;
  readonly to: number;
}

const MIN_CLIP = SECOND;

/** The clip with one end moved; the ends never cross. */
export function withEnd(clip: Clip, end: "from" | "to", time: number): Clip {
  return end === "from"
    ? { from: Math.min(time, clip.to - MIN_CLIP), to: clip.to }
    : { from: clip.from, to: Math.max(time, clip.from + MIN_CLIP) };
}

/** The local day that holds `time`. */
export function dayOf(time: number, offset: (at: number) => number): { start: number; end: number } {
  const shift = offset(time);
  const start = Math.floor((time + shift) / DAY) * DAY - shift;
  return { start, end: start + DAY };
}
