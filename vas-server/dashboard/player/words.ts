/** What the element says. */

import type { LiveSnapshot, StreamFacts } from "../src/media/live-types";

export interface PlayerWords {
  readonly live: string;
  readonly connecting: string;
  readonly stopped: (seconds: number) => string;
  readonly reconnecting: (attempt: number, seconds: number | null) => string;
  readonly camera: string;
  readonly off: string;
  readonly refused: string;
  readonly hls: string;
  readonly stills: string;
}

export const WORDS: PlayerWords = {
  live: "Live",
  connecting: "Connecting",
  stopped: (seconds) => `Picture stopped ${String(seconds)} s ago`,
  reconnecting: (attempt, seconds) =>
    seconds === null ? "Reconnecting" : `Reconnecting, attempt ${String(attempt)}, retry in ${String(seconds)} s`,
  camera: "Camera not available",
  off: "Stopped",
  refused: "This camera can’t be shown",
  hls: "HLS",
  stills: "Still pictures, 1 per second",
};

export interface Says {
  readonly title: string;
  readonly text: string;
  /** Whether the picture behind is an old one. */
  readonly away: boolean;
}

function sentence(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

export function message(words: PlayerWords, snapshot: LiveSnapshot, facts: StreamFacts | null, now: number): Says {
  const seconds = (ms: number) => Math.max(0, Math.ceil(ms / 1_000));
  if (facts && facts.state !== "LIVE") {
    const title = facts.state === "STOPPED" ? words.off : facts.state === "ERROR" ? words.camera : words.connecting;
    return { title, text: facts.state === "ERROR" ? sentence(facts.reason) : "", away: true };
  }
  switch (snapshot.state) {
    case "playing":
    case "late":
      return { title: "", text: "", away: false };
    case "stalled":
      return { title: words.stopped(seconds(now - (snapshot.lastFrameAt ?? snapshot.since))), text: "", away: true };
    case "reconnecting":
      return { title: words.reconnecting(snapshot.attempt, snapshot.retryAt === null ? null : seconds(snapshot.retryAt - now)), text: snapshot.reason, away: true };
    case "waiting-camera":
      return { title: words.camera, text: sentence(snapshot.reason), away: true };
    case "refused":
      return { title: words.refused, text: sentence(snapshot.reason), away: true };
    default:
      return { title: words.connecting, text: "", away: snapshot.attempt > 0 };
  }
}
