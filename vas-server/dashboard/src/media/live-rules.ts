// The numbers of the live state machine.

/** From the first request to the first picture. */
export const FIRST_FRAME_MS = 8_000;
/** Without a picture from here on a tile is late; longer for slow cameras, see `lateAfter`. */
export const LATE_MS = 2_000;
/** The path is tried anew. */
export const STALLED_MS = 4_000;
/** The session is given up. */
export const LOST_MS = 10_000;
/** Playing for so long, a session's next failure is its first. */
export const STEADY_MS = 60_000;
export const TICK_MS = 500;
/** When WebRTC is tried again where the network did not carry it. */
export const PROBE_AFTER_MS = [60_000, 300_000, 900_000];

const BACKOFF_S = [1, 2, 4, 8, 15, 30];
const JITTER = 0.25;

/** The delay before attempt `attempt` (1 is the first), in milliseconds. `random` is in 0..1. */
export function backoff(attempt: number, random: number): number {
  const seconds = BACKOFF_S[Math.min(Math.max(attempt, 1), BACKOFF_S.length) - 1] ?? 30;
  return seconds * 1_000 * (1 - JITTER + 2 * JITTER * random);
}

/** Silence from which a picture is late: five pictures of a slow camera, and never less than 2 s. */
export function lateAfter(fps: number | null): number {
  return Math.max(LATE_MS, fps && fps > 0 ? 5_000 / fps : 0);
}
