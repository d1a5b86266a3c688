/**
 * What a user likes: theme, language, layout. Kept with the account (`/v2/ui/preferences`) and mirrored in the
 * browser, so that a page looks right before the server has answered. The newest change wins over the account's copy
 * field by field; a change by another browser is taken over and ours put on top (412).
 */

import { createStore, reconcile } from "solid-js/store";
import { callRaw } from "./client";
import { ApiError, isRecord } from "./problem";

export interface Preferences {
  theme?: "dark" | "light" | "system";
  language?: string;
  /** "server", "browser" or an IANA name. */
  zone?: string;
  [name: string]: unknown;
}

const PATH = "/v2/ui/preferences";
const MIRROR = "vas.preferences";
/** Time in which several changes are sent as one, in milliseconds. */
const SETTLE = 800;

function mirrored(): Preferences {
  try {
    const value: unknown = JSON.parse(localStorage.getItem(MIRROR) ?? "{}");
    return isRecord(value) ? value : {};
  } catch {
    return {};
  }
}

const [preferences, setPreferences] = createStore<Preferences>(mirrored());
let etag: string | null = null;
let pending: Preferences = {};
let timer: number | undefined;

/** The preferences; reading a field subscribes to it. */
export { preferences };

function keep(next: Preferences): void {
  setPreferences(reconcile(next));
  try {
    localStorage.setItem(MIRROR, JSON.stringify(next));
  } catch {
    // A full or forbidden store costs only the look of the next page before its first answer.
  }
}

/** Takes over what the account has. */
export async function loadPreferences(): Promise<void> {
  const response = await callRaw(PATH);
  etag = response.headers.get("ETag");
  const stored: unknown = await response.json();
  keep({ ...(isRecord(stored) ? stored : {}), ...pending });
}

async function send(): Promise<void> {
  const sent = pending;
  pending = {};
  const body = JSON.parse(JSON.stringify(preferences)) as Preferences;
  try {
    const response = await callRaw(PATH, { method: "PUT", body, headers: { "If-Match": etag ?? '"0"' } });
    etag = response.headers.get("ETag");
  } catch (error) {
    if (!(error instanceof ApiError) || error.status !== 412) return;
    pending = { ...sent, ...pending };
    await loadPreferences();
    await send();
  }
}

/** Sets one preference, here at once and with the account soon. */
export function setPreference<K extends keyof Preferences>(name: K, value: Preferences[K]): void {
  pending = { ...pending, [name]: value };
  keep({ ...(JSON.parse(JSON.stringify(preferences)) as Preferences), [name]: value });
  window.clearTimeout(timer);
  timer = window.setTimeout(() => void send().catch(() => undefined), SETTLE);
}

/** One preference with its default, as a pair of reader and writer. */
export function preference<T>(name: string, fallback: T): [() => T, (value: T) => void] {
  return [() => (preferences[name] as T | undefined) ?? fallback, (value) => setPreference(name, value)];
}
