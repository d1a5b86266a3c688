// Where recorded media lies: playlists of aligned hours, fetched when needed and kept for a while.

import type { Clock } from "./clock";
import { type Fetch, RefusalError, refusalOf, unreachable } from "./http";
import { parsePlaylist, type Segment } from "./playlist";

export const WINDOW_MS = 3_600_000;
/** The names of media in playlists are signed for a time; a playlist is asked for anew well before that. */
const KEPT_MS = 600_000;
/** How often the window that still grows is looked at. */
const GROWS_MS = 2_000;
const KEPT_WINDOWS = 24;
/** How far ahead the next recording is looked for. */
const FAR_MS = 31 * 86_400_000;

export interface IndexDeps {
  readonly playlist: (start: number, end: number) => string;
  /** The call that lists recorded ranges. */
  readonly ranges: (start: number, end: number) => string;
  readonly fetch: Fetch;
  readonly clock: Clock;
}

interface Window {
  readonly segments: readonly Segment[];
  readonly at: number;
  readonly grows: boolean;
}

interface Ranges {
  readonly ranges: readonly { readonly layer: string; readonly start: string }[];
}

export class RecordedIndex {
  readonly #windows = new Map<number, Promise<Window>>();
  readonly #done = new Map<number, Window>();

  constructor(private readonly deps: IndexDeps) {}

  /** The segment that holds `at`, or else the next after it; null where nothing follows. */
  async segmentAt(at: number): Promise<Segment | null> {
    const window = Math.floor(at / WINDOW_MS) * WINDOW_MS;
    // A segment may begin in the hour before and reach into this one: each hour's playlist begins with it.
    for (const start of [window, window + WINDOW_MS]) {
      if (start > this.deps.clock.wall()) return null;
      const { segments } = await this.#window(start, at);
      const found = segments.find(({ end }) => end > at);
      if (found) return found;
    }
    const next = await this.#nextRange(window + 2 * WINDOW_MS);
    if (next === null) return null;
    const { segments } = await this.#window(Math.floor(next / WINDOW_MS) * WINDOW_MS, next);
    return segments.find(({ end }) => end > next) ?? null;
  }

  /** Fetches the window after the one of `at`, if that ends soon. */
  prefetch(at: number, ahead: number): void {
    const next = Math.floor(at / WINDOW_MS) * WINDOW_MS + WINDOW_MS;
    if (next - at <= ahead && next < this.deps.clock.wall()) void this.#window(next, next).catch(() => null);
  }

  #window(start: number, at: number): Promise<Window> {
    const now = this.deps.clock.wall();
    const done = this.#done.get(start);
    const known = done?.segments.at(-1)?.end ?? 0;
    const stale = done !== undefined && (now - done.at > KEPT_MS || (done.grows && at >= known - 1_000 && now - done.at > GROWS_MS));
    const pending = this.#windows.get(start);
    if (pending && !stale) return pending;
    const fetched = this.#fetch(start, now);
    this.#windows.set(start, fetched);
    this.#done.delete(start);
    fetched.then(
      (window) => this.#done.set(start, window),
      () => this.#windows.get(start) === fetched && this.#windows.delete(start),
    );
    const [oldest] = this.#windows.keys();
    if (this.#windows.size > KEPT_WINDOWS && oldest !== undefined) this.#windows.delete(oldest);
    return fetched;
  }

  async #fetch(start: number, now: number): Promise<Window> {
    const end = start + WINDOW_MS;
    const url = this.deps.playlist(start, end);
    const response = await this.deps.fetch(url).catch((error: unknown) => {
      throw new RefusalError(unreachable(error));
    });
    const grows = end > now;
    const body = await response.text();
    if (response.status === 404 && refusalOf(response, body).code === "NO_RECORDING") return { segments: [], at: now, grows };
    if (!response.ok) throw new RefusalError(refusalOf(response, body));
    return { segments: parsePlaylist(body, new URL(url, location.href).href), at: now, grows };
  }

  async #nextRange(from: number): Promise<number | null> {
    const now = this.deps.clock.wall();
    if (from >= now) return null;
    const response = await this.deps.fetch(this.deps.ranges(from, Math.min(now, from + FAR_MS))).catch(() => null);
    if (!response?.ok) return null;
    const { ranges } = (await response.json()) as Ranges;
    const starts = ranges.map(({ start }) => Date.parse(start)).sort((a, b) => a - b);
    return starts[0] === undefined ? null : Math.max(from, starts[0]);
  }
}
