/** The calls of the recordings page. */

import { keepPreviousData, useQuery } from "@tanstack/solid-query";
import type { Accessor } from "solid-js";
import { call, callRaw } from "../../api/client";
import type { BookmarkList, SnapshotList } from "../../api/types";
import type { StoryboardDeps } from "../../timeline/storyboard";
import type { TilesDeps, TimelineAnswer } from "../../timeline/tiles";
import { serverTime } from "../../api/clock";

export const fetchTimeline: TilesDeps["fetch"] = async (streams, start, end, bucket, anew) => {
  const query = { stream_ids: streams.join(), start, end, bucket_ms: bucket };
  // What is past is cached for long; after a change it must be asked for anew.
  return call<TimelineAnswer>("/v2/timeline", { query, ...(anew ? { headers: { "Cache-Control": "no-cache" } } : {}) });
};

export const storyboardCalls: StoryboardDeps = {
  fetch: (stream, query) => callRaw(`/v2/streams/${stream}/storyboard.jpg`, { query, headers: { Accept: "image/jpeg" } }),
  now: serverTime,
};

export interface Day {
  readonly start: number;
  readonly end: number;
}

const MOST = 100;

function range(day: Day) {
  return [new Date(day.start).toISOString(), new Date(day.end).toISOString()] as const;
}

export function useDayBookmarks(stream: Accessor<string>, day: Accessor<Day>) {
  return useQuery(() => {
    const [start, end] = range(day());
    return {
      queryKey: ["bookmarks", "day", stream(), start],
      queryFn: ({ signal }) => call<BookmarkList>("/v2/bookmarks", {
        query: { stream_id: stream(), start_after: start, start_before: end, limit: MOST }, signal,
      }),
      enabled: stream() !== "",
      placeholderData: keepPreviousData,
    };
  });
}

export function useDaySnapshots(stream: Accessor<string>, day: Accessor<Day>) {
  return useQuery(() => {
    const [after, before] = range(day());
    return {
      queryKey: ["snapshots", "day", stream(), after],
      queryFn: ({ signal }) => call<SnapshotList>("/v2/snapshots", { query: { stream_id: stream(), after, before, limit: MOST }, signal }),
      enabled: stream() !== "",
      placeholderData: keepPreviousData,
    };
  });
}

export interface Export {
  readonly id: string;
  readonly name: string;
  readonly status: "queued" | "running" | "ready" | "failed";
  readonly progress: number;
  readonly error: string | null;
  readonly files: readonly { readonly name: string; readonly url: string; readonly bytes: number; readonly status: string }[];
}

export function createExport(streams: readonly string[], from: number, to: number, name: string): Promise<Export> {
  const body = { stream_ids: streams, start: new Date(from).toISOString(), end: new Date(to).toISOString(), name };
  return call<Export>("/v2/exports", { method: "POST", body });
}

export function fetchExport(id: string): Promise<Export> {
  return call<Export>(`/v2/exports/${id}`);
}
