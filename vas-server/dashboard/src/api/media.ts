/** How the media classes reach the server: with the cookie, and the CSRF token on writes. */

import type { Fetch } from "../media/http";
import type { StreamFacts } from "../media/live-types";
import { reportUnauthorized, writeHeaders } from "./client";
import type { Stream } from "./types";

export const mediaFetch: Fetch = async (url, init = {}) => {
  const isWrite = init.method !== undefined && init.method !== "GET";
  const headers = new Headers(init.headers);
  if (isWrite) for (const [name, value] of Object.entries(writeHeaders())) headers.set(name, value);
  const response = await fetch(url, { ...init, headers, credentials: "same-origin" });
  if (response.status === 401) reportUnauthorized();
  return response;
};

/** What a live session has to know of a stream. */
export function factsOf(stream: Stream): StreamFacts {
  return {
    state: stream.state,
    reason: stream.state_reason?.text ?? "",
    retryAt: stream.next_retry_at === null ? null : Date.parse(stream.next_retry_at),
    producer: stream.producer?.id ?? null,
    fps: stream.codec_config.video?.fps ?? null,
    codec: stream.codec_config.video?.codec ?? null,
  };
}
