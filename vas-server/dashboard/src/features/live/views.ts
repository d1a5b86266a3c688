/** Saved views of the wall (`/v2/ui/views`), one document for each account. */

import { useQuery } from "@tanstack/solid-query";
import { callRaw } from "../../api/client";
import { ApiError } from "../../api/problem";
import { queryClient } from "../../api/queries";

export interface View {
  readonly id: string;
  readonly name: string;
  readonly layout: string;
  readonly tiles: readonly { readonly stream_id: string | null; readonly w?: number; readonly h?: number }[];
}

interface Stored {
  readonly views: readonly View[];
  readonly etag: string;
}

const PATH = "/v2/ui/views";
const KEY = ["ui", "views"];
/** Another browser may have changed the views in between: then ours is put on top of theirs. */
const TRIES = 3;

async function load(signal?: AbortSignal): Promise<Stored> {
  const response = await callRaw(PATH, signal ? { signal } : {});
  const body = (await response.json()) as { readonly views: readonly View[] };
  return { views: body.views, etag: response.headers.get("ETag") ?? '"0"' };
}

export function useViews() {
  return useQuery(() => ({ queryKey: KEY, queryFn: ({ signal }) => load(signal), staleTime: 60_000 }));
}

/** Changes the views as they are with the account now. */
export async function changeViews(change: (views: readonly View[]) => readonly View[]): Promise<void> {
  for (let left = TRIES; ; left--) {
    const stored = await load();
    const views = change(stored.views);
    try {
      const response = await callRaw(PATH, { method: "PUT", body: { views }, headers: { "If-Match": stored.etag } });
      queryClient.setQueryData(KEY, { views, etag: response.headers.get("ETag") ?? '"0"' });
      return;
    } catch (error) {
      if (left <= 1 || !(error instanceof ApiError) || error.status !== 412) throw error;
    }
  }
}
