/** Keeps the cache of server state up to date: events patch it; while none come, it is fetched every 10 s. */

import type { QueryClient } from "@tanstack/solid-query";
import { events } from "./events";
import { isRecord } from "./problem";
import { keys } from "./queries";
import type { Reason, Stream, StreamState } from "./types";

/** Time between two fetches while no events come, in milliseconds. */
const POLL = 10_000;

interface StreamStateData {
  readonly stream_id: string;
  readonly state: StreamState;
  readonly reason: Reason | null;
  readonly since: string;
  readonly attempt: number;
  readonly next_retry_at: string | null;
}

interface Figures {
  readonly stream_id: string;
  readonly state: StreamState;
  readonly fps: number;
  readonly bitrate_kbps: number;
  readonly loss: number;
  readonly viewers: number;
  readonly recording: boolean;
}

/** The list with the change of one stream's state; the same list where the stream is not in it. */
export function withState(streams: readonly Stream[], data: StreamStateData): readonly Stream[] {
  if (data.state === "CLOSED") return streams.filter((stream) => stream.id !== data.stream_id);
  return streams.map((stream) =>
    stream.id === data.stream_id
      ? {
          ...stream,
          state: data.state,
          state_reason: data.reason,
          state_since: data.since,
          next_retry_at: data.next_retry_at,
          attempt: data.attempt,
        }
      : stream,
  );
}

/** The list with the figures of a second. Streams that did not change stay the same objects. */
export function withFigures(streams: readonly Stream[], figures: readonly Figures[]): readonly Stream[] {
  const byId = new Map(figures.map((figure) => [figure.stream_id, figure]));
  return streams.map((stream) => {
    const figure = byId.get(stream.id);
    if (!figure) return stream;
    return {
      ...stream,
      recording: figure.recording,
      consumers: { ...stream.consumers, count: figure.viewers },
      metrics: { ...stream.metrics, fps: figure.fps, bitrate_kbps: figure.bitrate_kbps, packet_loss: figure.loss },
    };
  });
}

/** Begins; returns what ends it. */
export function keepUpToDate(client: QueryClient): () => void {
  const patch = (change: (streams: readonly Stream[]) => readonly Stream[]): void => {
    client.setQueryData<readonly Stream[]>(keys.streams, (old) => old && change(old));
  };
  const refetch = (...names: readonly string[]): void => {
    for (const name of names) void client.invalidateQueries({ queryKey: [name] });
  };
  const everything = (): void => refetch("streams", "devices", "bookmarks", "snapshots", "alerts", "activity");
  const known = (id: unknown): boolean =>
    client.getQueryData<readonly Stream[]>(keys.streams)?.some((stream) => stream.id === id) ?? false;

  let poll: number | undefined;
  const ends = [
    events.subscribe("stream_state", (data) => {
      if (known(data["stream_id"])) patch((streams) => withState(streams, data as unknown as StreamStateData));
      else refetch("streams", "devices");
      refetch("activity");
    }),
    events.subscribe("metrics", (data) => {
      const figures = data["streams"];
      if (Array.isArray(figures)) patch((streams) => withFigures(streams, figures as Figures[]));
    }),
    events.subscribe("recording", (data) => {
      if (data["type"] !== "progress") refetch("devices", "coverage");
    }),
    events.subscribe("bookmark", () => refetch("bookmarks", "activity")),
    events.subscribe("snapshot", () => refetch("snapshots", "activity")),
    events.subscribe("alert", () => refetch("alerts", "activity")),
    events.subscribe("system", (data) => {
      if (data["type"] === "export" && isRecord(data["export"])) refetch("exports");
      if (typeof data["type"] === "string" && data["type"].startsWith("device")) refetch("devices", "streams");
    }),
    events.onGap(everything),
    events.onState((state) => {
      window.clearInterval(poll);
      if (state === "down") poll = window.setInterval(everything, POLL);
      if (state === "connected") everything();
    }),
  ];
  const online = (): void => events.nudge();
  window.addEventListener("online", online);
  events.start();
  return () => {
    window.removeEventListener("online", online);
    window.clearInterval(poll);
    for (const end of ends) end();
    events.stop();
  };
}
