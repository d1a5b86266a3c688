/** What the dashboard asks for besides what every page knows. */

import { useQuery } from "@tanstack/solid-query";
import { call } from "../../api/client";
import { serverTime } from "../../api/clock";
import type { ActivityList, MetricsHistory, SystemResources, SystemStats, Timeline, TimelineLane } from "../../api/types";
import { BUCKETS, RANGES, type Range } from "./range";

const NOW_AND_THEN = 10_000;
const EVERY_MINUTE = 60_000;

export function useStats() {
  return useQuery(() => ({
    queryKey: ["stats"],
    queryFn: ({ signal }) => call<SystemStats>("/v2/system/stats", { signal }),
    refetchInterval: NOW_AND_THEN,
  }));
}

export function useResources() {
  return useQuery(() => ({
    queryKey: ["resources"],
    queryFn: ({ signal }) => call<SystemResources>("/v2/system/resources", { signal }),
    refetchInterval: NOW_AND_THEN,
  }));
}

/** The system's history over the range. */
export function useHistory(range: () => Range) {
  return useQuery(() => ({
    queryKey: ["history", "system", range()],
    queryFn: ({ signal }) => {
      const end = serverTime();
      const start = end - RANGES[range()];
      return call<MetricsHistory>("/v2/metrics/history", { query: { start: Math.floor(start), end: Math.floor(end) }, signal });
    },
    refetchInterval: range() === "1h" ? NOW_AND_THEN : EVERY_MINUTE,
  }));
}

export interface CoverageData {
  readonly start: number;
  readonly end: number;
  readonly lanes: readonly TimelineLane[];
}

/** Streams of one call, as many as the server takes. */
const PER_CALL = 16;
/** Streams that the panel looks at: beyond, the page of the devices is the place. */
const MOST = 128;

/** What was recorded of each stream over the range. */
export function useCoverage(ids: () => readonly string[], range: () => Range) {
  return useQuery(() => ({
    queryKey: ["coverage", range(), ids().join()],
    enabled: ids().length > 0,
    refetchInterval: EVERY_MINUTE,
    queryFn: async ({ signal }): Promise<CoverageData> => {
      const end = serverTime();
      const start = end - RANGES[range()];
      const lanes: TimelineLane[] = [];
      const wanted = ids().slice(0, MOST);
      for (let place = 0; place < wanted.length; place += PER_CALL) {
        const answer = await call<Timeline>("/v2/timeline", {
          query: {
            stream_ids: wanted.slice(place, place + PER_CALL).join(),
            start: Math.floor(start), end: Math.floor(end), bucket_ms: BUCKETS[range()],
          },
          signal,
        });
        lanes.push(...answer.lanes);
      }
      return { start, end, lanes };
    },
  }));
}

export function useActivity(limit: () => number) {
  return useQuery(() => ({
    queryKey: ["activity", limit()],
    queryFn: ({ signal }) => call<ActivityList>("/v2/activity", { query: { limit: limit() }, signal }),
    refetchInterval: EVERY_MINUTE,
  }));
}
