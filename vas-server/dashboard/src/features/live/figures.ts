/** Figures of all tiles, read every few seconds: for the footer, for the selected tile, and for relief when it is too much. */

import { createSignal, onCleanup } from "solid-js";
import { RtcChannel } from "../../media/channel-webrtc";
import { HlsChannel } from "../../media/channel-hls";
import type { LiveKit } from "../../media/live-kit";
import type { LiveSession } from "../../media/live-session";
import { StatsReader, type LiveFigures } from "../../media/stats";

const PERIOD_MS = 2_000;

export interface WallFigures {
  readonly webrtc: number;
  readonly hls: number;
  readonly stills: number;
  readonly kbps: number;
  /** Milliseconds; null until something is known. */
  readonly delay: number | null;
  readonly worst: number | null;
  /** Share of pictures that the browser dropped, 0..1. */
  readonly dropped: number;
}

export interface TileFigures extends Partial<LiveFigures> {
  readonly behindMs: number | null;
}

const NOTHING: WallFigures = { webrtc: 0, hls: 0, stills: 0, kbps: 0, delay: null, worst: null, dropped: 0 };

function summarise(sessions: ReadonlySet<LiveSession>, figures: ReadonlyMap<LiveSession, TileFigures>): WallFigures {
  const playing = [...sessions].filter(({ snapshot }) => snapshot.state === "playing" || snapshot.state === "late");
  const by = (way: string) => playing.filter(({ snapshot }) => snapshot.way === way).length;
  const known = playing.flatMap((session) => figures.get(session) ?? []);
  const delays = known.flatMap(({ delayMs, behindMs }) => delayMs ?? behindMs ?? []).sort((a, b) => a - b);
  const dropped = known.reduce((sum, figure) => sum + (figure.dropped ?? 0), 0);
  return {
    webrtc: by("webrtc"),
    hls: by("hls"),
    stills: by("still"),
    kbps: known.reduce((sum, figure) => sum + (figure.kbps ?? 0), 0),
    delay: delays[Math.floor(delays.length / 2)] ?? null,
    worst: delays.at(-1) ?? null,
    dropped: known.length > 0 ? dropped / known.length : 0,
  };
}

export function createFigures(kit: LiveKit) {
  const [wall, setWall] = createSignal(NOTHING);
  const [tiles, setTiles] = createSignal<ReadonlyMap<LiveSession, TileFigures>>(new Map());
  const readers = new WeakMap<object, StatsReader>();
  let busy = false;

  const read = async (session: LiveSession): Promise<[LiveSession, TileFigures] | null> => {
    const { channel } = session;
    if (channel instanceof HlsChannel) return [session, { behindMs: channel.behindMs }];
    if (!(channel instanceof RtcChannel)) return null;
    const reader = readers.get(channel) ?? new StatsReader();
    readers.set(channel, reader);
    const figures = reader.read(await channel.whep.stats());
    return figures && [session, { ...figures, behindMs: null }];
  };

  const stop = kit.clock.every(PERIOD_MS, () => {
    if (busy || document.visibilityState === "hidden") return;
    busy = true;
    void Promise.all([...kit.sessions].map((session) => read(session).catch(() => null))).then((found) => {
      busy = false;
      const next = new Map(found.filter((entry) => entry !== null));
      setTiles(next);
      setWall(summarise(kit.sessions, next));
    });
  });
  onCleanup(stop);
  return { wall, tiles };
}
