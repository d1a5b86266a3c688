/** Bookmarks and snapshots, fetched page by page as the list is scrolled. */

import { useInfiniteQuery } from "@tanstack/solid-query";
import { call, type CallOptions } from "./client";
import type { Bookmark, BookmarkList, Snapshot, SnapshotList } from "./types";

export const PAGE = 60;

export type Filters = NonNullable<CallOptions["query"]>;

/** The next place, or undefined at the end. */
export function nextOffset(fetched: number, total: number): number | undefined {
  return fetched < total ? fetched : undefined;
}

export function useBookmarks(filters: () => Filters) {
  return useInfiniteQuery(() => ({
    queryKey: ["bookmarks", "list", filters()],
    queryFn: ({ pageParam, signal }) => call<BookmarkList>("/v2/bookmarks", { query: { ...filters(), limit: PAGE, offset: pageParam }, signal }),
    initialPageParam: 0,
    getNextPageParam: (last: BookmarkList) => nextOffset(last.pagination.offset + last.bookmarks.length, last.pagination.total),
  }));
}

export function useSnapshots(filters: () => Filters) {
  return useInfiniteQuery(() => ({
    queryKey: ["snapshots", "list", filters()],
    queryFn: ({ pageParam, signal }) => call<SnapshotList>("/v2/snapshots", { query: { ...filters(), limit: PAGE, offset: pageParam }, signal }),
    initialPageParam: 0,
    getNextPageParam: (last: SnapshotList) => nextOffset(last.pagination.offset + last.snapshots.length, last.pagination.total),
  }));
}

export const changeBookmark = (id: string, change: { readonly label?: string | null; readonly event_type?: string | null; readonly tags?: readonly string[] }) =>
  call<Bookmark>(`/v2/bookmarks/${id}`, { method: "PUT", body: change });

export const deleteCapture = (kind: "bookmarks" | "snapshots", id: string) => call(`/v2/${kind}/${id}`, { method: "DELETE" });

export const fetchCapture = <K extends "bookmarks" | "snapshots">(kind: K, id: string, signal: AbortSignal) =>
  call<K extends "bookmarks" ? Bookmark : Snapshot>(`/v2/${kind}/${id}`, { signal });

/** Saves files one after the other: browsers drop downloads that begin together. */
export async function download(files: readonly { readonly url: string; readonly name: string }[]): Promise<void> {
  for (const { url, name } of files) {
    const link = document.createElement("a");
    link.href = url;
    link.download = name;
    document.body.append(link);
    link.click();
    link.remove();
    await new Promise((resolve) => setTimeout(resolve, 400));
  }
}

/** A name for a file, without what file systems mind. */
export function fileName(...parts: readonly string[]): string {
  return parts.filter(Boolean).join(" ").replace(/[\\/:*?"<>|\s]+/g, "-").replace(/^-+|-+$/g, "");
}
