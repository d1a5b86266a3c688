/** Makes bookmarks and snapshots of one camera. */

import { call } from "./client";
import type { Bookmark, Snapshot } from "./types";

export interface NewBookmark {
  /** Milliseconds since 1970; null: now. */
  readonly center: number | null;
  /** Seconds before and after it. */
  readonly before: number;
  readonly after: number;
  readonly label?: string;
  readonly tags?: readonly string[];
  readonly eventType?: string;
}

export function createBookmark(stream: string, wanted: NewBookmark): Promise<Bookmark> {
  const { center, before, after, label, tags, eventType } = wanted;
  return call<Bookmark>(`/v2/streams/${stream}/bookmarks`, {
    method: "POST",
    body: {
      source: center === null ? "live" : "historical",
      ...(center === null ? {} : { center_timestamp: new Date(center).toISOString() }),
      before_seconds: before,
      after_seconds: after,
      ...(label ? { label } : {}),
      ...(tags && tags.length > 0 ? { tags } : {}),
      ...(eventType ? { event_type: eventType } : {}),
    },
  });
}

/** `at`: milliseconds since 1970; null: the picture of this moment. */
export function takeSnapshot(stream: string, at: number | null): Promise<Snapshot> {
  const body = at === null ? { source: "live" } : { source: "historical", timestamp: new Date(at).toISOString() };
  return call<Snapshot>(`/v2/streams/${stream}/snapshots`, { method: "POST", body });
}
