/**
 * One place for calls to the server: same origin, the session's cookie, the CSRF token on writes, errors as `ApiError`.
 *
 * A 401 is reported once to whoever registered with `onUnauthorized` (the sign-in dialog over the page); the call
 * itself still fails, and Query repeats it after the sign-in.
 */

import { problemOf, unreachable } from "./problem";

/** What goes out with a call. */
export interface CallOptions {
  readonly method?: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  /** Sent as JSON. */
  readonly body?: unknown;
  readonly query?: Readonly<Record<string, string | number | boolean | null | undefined>>;
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
}

let csrfToken: string | null = null;
let unauthorized: (() => void) | null = null;

/** The token of the session, from its sign-in or `/v2/auth/me`. It is kept in memory only. */
export function setCsrfToken(token: string | null): void {
  csrfToken = token;
}

/** Headers that a write needs besides the cookie; for code that calls `fetch` itself (WHEP). */
export function writeHeaders(): Record<string, string> {
  return csrfToken === null ? {} : { "X-CSRF-Token": csrfToken };
}

/** Calls `listener` when an answer says that there is no session any more. */
export function onUnauthorized(listener: () => void): void {
  unauthorized = listener;
}

/** Tells of a 401 that was seen by code which calls `fetch` itself. */
export function reportUnauthorized(): void {
  unauthorized?.();
}

/** `path` with its query; null and undefined are left out. */
export function withQuery(path: string, query: CallOptions["query"]): string {
  const pairs = Object.entries(query ?? {}).filter(([, value]) => value !== null && value !== undefined);
  const search = new URLSearchParams(pairs.map(([name, value]) => [name, String(value)]));
  return search.size === 0 ? path : path + "?" + search.toString();
}

/** The raw answer of a call that succeeded. */
export async function callRaw(path: string, options: CallOptions = {}): Promise<Response> {
  const method = options.method ?? "GET";
  const headers: Record<string, string> = { Accept: "application/json", ...options.headers };
  if (method !== "GET") Object.assign(headers, writeHeaders());
  if (options.body !== undefined) headers["Content-Type"] = "application/json";
  const init: RequestInit = { method, headers, credentials: "same-origin" };
  if (options.body !== undefined) init.body = JSON.stringify(options.body);
  if (options.signal) init.signal = options.signal;
  let response: Response;
  try {
    response = await fetch(withQuery(path, options.query), init);
  } catch (error) {
    if (options.signal?.aborted) throw error;
    throw unreachable();
  }
  if (response.ok) return response;
  if (response.status === 401 && !path.startsWith("/v2/auth/session")) reportUnauthorized();
  throw await problemOf(response);
}

/** The JSON body of a call that succeeded; `undefined` where there is none. */
export async function call<T>(path: string, options: CallOptions = {}): Promise<T> {
  const response = await callRaw(path, options);
  if (response.status === 204) return undefined as T;
  return (await response.json()) as T;
}
