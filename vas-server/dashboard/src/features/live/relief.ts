/**
 * What to do when a device cannot keep up: pictures that it drops are not worth sending. Tile by tile, the last ones
 * first, a smaller layer is asked for, then stills.
 */

import { createEffect, createSignal, on, type Accessor } from "solid-js";
import type { LiveKit } from "../../media/live-kit";
import type { LiveSession } from "../../media/live-session";
import type { TileFigures } from "./figures";

/** Share of pictures dropped that is too much, and for how many looks in a row (they come every 2 s). */
const TOO_MANY = 0.05;
const LOOKS = 5;
const SMALL = { max_width: 320, max_height: 320, paused: false };

export function createRelief(kit: LiveKit, tiles: Accessor<ReadonlyMap<LiveSession, TileFigures>>) {
  const [stills, setStills] = createSignal(0);
  const small = new Set<LiveSession>();
  let looks = 0;
  createEffect(on(tiles, (figures) => {
    const shares = [...figures.values()].flatMap(({ dropped }) => dropped ?? []);
    const mean = shares.length > 0 ? shares.reduce((sum, share) => sum + share, 0) / shares.length : 0;
    looks = mean > TOO_MANY && document.visibilityState === "visible" ? looks + 1 : 0;
    if (looks < LOOKS) return;
    looks = 0;
    const largest = [...figures].filter(([session]) => session.snapshot.way === "webrtc").sort(([, a], [, b]) => (b.width ?? 0) - (a.width ?? 0));
    // The first is the one that is looked at: it is the largest, or all are equal.
    const next = largest.slice(1).find(([session]) => !small.has(session))?.[0];
    if (next) {
      small.add(next);
      next.wish(SMALL);
      return;
    }
    const victim = largest.at(-1)?.[0];
    if (!victim || largest.length < 2) return;
    kit.ways.unplayable(victim, "webrtc");
    kit.ways.unplayable(victim, "hls");
    victim.reroute();
    setStills((count) => count + 1);
  }, { defer: true }));
  return { stills };
}
