/** Server state: one cache, one key for each call. Events patch it (`events.ts`). */

import { QueryClient, useQuery } from "@tanstack/solid-query";
import { call } from "./client";
import { ApiError } from "./problem";
import type { AlertList, Device, Health, Session, Stream, StreamList } from "./types";

/** Tries of a call that got no answer or a 5xx. What the client did wrong is not tried again. */
function again(failures: number, error: Error): boolean {
  return error instanceof ApiError && (error.status === 0 || error.status >= 500) && failures < 2;
}

export const queryClient = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 10_000,
      gcTime: 5 * 60_000,
      retry: again,
      retryDelay: (attempt, error) => (error instanceof ApiError ? (error.retryAfter ?? 0) * 1_000 : 0) || 500 * 2 ** attempt,
      refetchOnWindowFocus: true,
    },
  },
});

export const keys = {
  session: ["session"],
  streams: ["streams"],
  devices: ["devices"],
  alerts: ["alerts"],
  device: (id: string) => ["devices", id],
  health: (id: string) => ["streams", id, "health"],
} as const;

const PAGE = 100;

/** All streams, whatever their number: the server gives them in pages. */
export async function fetchStreams(signal: AbortSignal): Promise<readonly Stream[]> {
  const streams: Stream[] = [];
  for (;;) {
    const page = await call<StreamList>("/v2/streams", { query: { limit: PAGE, offset: streams.length }, signal });
    streams.push(...page.streams);
    if (page.streams.length === 0 || streams.length >= page.pagination.total) return streams;
  }
}

/** All streams, kept up to date by events. */
export function useStreams() {
  return useQuery(() => ({ queryKey: keys.streams, queryFn: ({ signal }) => fetchStreams(signal) }));
}

export function useHealth(id: () => string) {
  return useQuery(() => ({
    queryKey: keys.health(id()),
    queryFn: ({ signal }) => call<Health>(`/v2/streams/${id()}/health`, { signal }),
    refetchInterval: 2_000,
  }));
}

const DEVICES = 1_000;

/** All devices. */
export function useDevices() {
  return useQuery(() => ({
    queryKey: keys.devices,
    queryFn: ({ signal }) => call<readonly Device[]>("/api/v1/devices", { query: { limit: DEVICES }, signal }),
  }));
}

/** Who is signed in. 401 where nobody is. */
export function useSession() {
  return useQuery(() => ({
    queryKey: keys.session,
    queryFn: ({ signal }) => call<Session>("/v2/auth/me", { signal }),
    staleTime: 60_000,
  }));
}

/** Open alerts; with `all` also those of the last days that are over. */
export function useAlerts(all: () => boolean = () => false) {
  return useQuery(() => ({
    queryKey: [...keys.alerts, all()],
    queryFn: ({ signal }) => call<AlertList>("/v2/alerts", { query: { all: all() ? true : null }, signal }),
  }));
}
