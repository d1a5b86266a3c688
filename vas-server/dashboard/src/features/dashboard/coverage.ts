/** How much of a stretch of time was recorded, and where it was not. Times in milliseconds. */

import type { TimelineLane } from "../../api/types";

export interface Gap {
  readonly start: number;
  readonly end: number;
}

export interface Coverage {
  /** 0..1 of the time for which there could be a recording; null where there was none. */
  readonly share: number | null;
  readonly gaps: readonly Gap[];
}

/** Breaks of less than this are not worth a mark, in milliseconds. */
const SHORT = 1_500;

/**
 * `since`: when there was something to record for the first time, such as when the device was added. What lies before
 * the first footage and was never kept is not counted as missing.
 */
export function coverageOf(lane: Pick<TimelineLane, "ranges" | "retained_from">, start: number, end: number, since: number): Coverage {
  const from = Math.max(start, since, lane.retained_from ?? since);
  if (end - from <= 0 || lane.ranges.length === 0) return { share: lane.ranges.length === 0 ? null : 1, gaps: [] };
  const gaps: Gap[] = [];
  let place = from;
  let covered = 0;
  for (const [first, last] of lane.ranges) {
    const [a, b] = [Math.max(first, from), Math.min(last, end)];
    if (b <= a) continue;
    if (a - place > SHORT) gaps.push({ start: place, end: a });
    covered += b - Math.max(a, place);
    place = Math.max(place, b);
  }
  // The newest seconds are still being written.
  const open = 15_000;
  if (end - place > open) gaps.push({ start: place, end });
  else covered += end - place;
  return { share: Math.min(1, covered / (end - from)), gaps };
}
