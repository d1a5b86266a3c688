/** The timeline's data: tiles of 512 aligned buckets, kept while they are of use, fetched ahead of being seen. */

import type { Clock } from "../media/clock";
import { Emitter } from "../media/emitter";
import { DAY, TILE_BUCKETS, tileStarts } from "./model";

export interface Gap {
  readonly start: number;
  readonly end: number;
  readonly reason: string | null;
}

export interface Mark {
  readonly id: string;
  readonly at: number;
  readonly start: number;
  readonly end: number;
  readonly label: string | null;
}

export interface LaneAnswer {
  readonly stream_id: string;
  readonly ranges: readonly (readonly [number, number])[];
  /** Base64 of one byte for each bucket. */
  readonly coverage: string;
  readonly activity: string | null;
  readonly gaps?: readonly Gap[];
  readonly bookmarks: readonly Mark[];
  readonly events: readonly { readonly at: number; readonly type: string; readonly count: number }[];
  readonly retained_from: number | null;
}

export interface TimelineAnswer {
  readonly bucket_ms: number;
  readonly start: number;
  readonly lanes: readonly LaneAnswer[];
  readonly live_edge: number | null;
}

export interface Lane extends Omit<LaneAnswer, "coverage" | "activity" | "gaps"> {
  readonly gaps: readonly Gap[];
  readonly activity: Uint8Array | null;
}

export interface Tile {
  readonly start: number;
  readonly bucket: number;
  readonly lanes: ReadonlyMap<string, Lane>;
}

export interface TilesDeps {
  readonly fetch: (streams: readonly string[], start: number, end: number, bucket: number, anew: boolean) => Promise<TimelineAnswer>;
  readonly clock: Clock;
}

const KEPT = 200;
/** How often a tile that still grows is fetched again while it is in view. */
const GROWS_MS = 5_000;
/** After a failure. */
const AGAIN_MS = 3_000;
/** A tile that ended so long ago does not grow any more. */
const SETTLED_MS = 120_000;

interface Entry {
  tile: Tile | null;
  at: number;
  busy: boolean;
  stale: boolean;
  failed: boolean;
}

export function bytesOf(base64: string): Uint8Array {
  return Uint8Array.from(atob(base64), (char) => char.charCodeAt(0));
}

export class Tiles {
  /** Something new is there to be drawn. */
  readonly changes = new Emitter<void>();
  #streams: readonly string[] = [];
  #entries = new Map<string, Entry>();
  /** The server's present, as it was told last, and when. */
  #edge: { at: number; told: number } | null = null;
  #error: unknown = null;

  constructor(private readonly deps: TilesDeps) {}

  /** Another choice of streams; what is known of the old ones is forgotten. */
  setStreams(streams: readonly string[]): void {
    if (streams.join() === this.#streams.join()) return;
    this.#streams = streams;
    this.#entries.clear();
    this.changes.emit();
  }

  /** The server's present in milliseconds since 1970, or this machine's until it has told. */
  get now(): number {
    const { clock } = this.deps;
    return this.#edge ? this.#edge.at + clock.now() - this.#edge.told : clock.wall();
  }

  /** Why the newest request failed; null when it did not. */
  get error(): unknown {
    return this.#error;
  }

  /** Something of `time` has changed, such as a bookmark: tiles that hold it are fetched anew. */
  invalidate(time: number | null = null): void {
    for (const entry of this.#entries.values()) {
      const { tile } = entry;
      if (!tile || time === null || (time >= tile.start && time < tile.start + tile.bucket * TILE_BUCKETS)) entry.stale = true;
    }
    this.changes.emit();
  }

  /** The tiles of a view as far as they are there; what is missing is fetched, and the tiles beside it. */
  view(bucket: number, from: number, to: number): Tile[] {
    if (this.#streams.length === 0) return [];
    const size = bucket * TILE_BUCKETS;
    const found = tileStarts(bucket, from, to).flatMap((start) => this.#want(bucket, start) ?? []);
    this.#want(bucket, Math.floor(from / size) * size - size);
    this.#want(bucket, Math.floor(to / size) * size + size);
    return found;
  }

  #want(bucket: number, start: number): Tile | null {
    const now = this.now;
    const size = bucket * TILE_BUCKETS;
    if (start > now || start + size < now - 400 * DAY) return null;
    const key = `${String(bucket)}:${String(start)}`;
    let entry = this.#entries.get(key);
    if (entry) {
      // Moved to the end: the first is the one that has been out of use the longest.
      this.#entries.delete(key);
      this.#entries.set(key, entry);
    } else {
      entry = { tile: null, at: -Infinity, busy: false, stale: false, failed: false };
      this.#entries.set(key, entry);
      const [oldest] = this.#entries.keys();
      if (this.#entries.size > KEPT && oldest !== undefined) this.#entries.delete(oldest);
    }
    const age = this.deps.clock.now() - entry.at;
    const grows = start + size > now - SETTLED_MS;
    const due = entry.stale || !entry.tile || (grows && age >= GROWS_MS);
    if (!entry.busy && due && !(entry.failed && age < AGAIN_MS)) void this.#fetch(entry, bucket, start);
    return entry.tile;
  }

  async #fetch(entry: Entry, bucket: number, start: number): Promise<void> {
    const streams = this.#streams;
    const anew = entry.stale;
    Object.assign(entry, { busy: true, stale: false });
    const { clock } = this.deps;
    try {
      const answer = await this.deps.fetch(streams, start, start + bucket * TILE_BUCKETS, bucket, anew);
      if (answer.live_edge !== null) this.#edge = { at: answer.live_edge, told: clock.now() };
      entry.tile = tileOf(answer);
      entry.failed = false;
      this.#error = null;
    } catch (error) {
      entry.failed = true;
      this.#error = error;
    }
    Object.assign(entry, { busy: false, at: clock.now() });
    if (streams === this.#streams) this.changes.emit();
  }
}

export function tileOf(answer: TimelineAnswer): Tile {
  const lanes = answer.lanes.map((lane): readonly [string, Lane] => [
    lane.stream_id,
    { ...lane, gaps: lane.gaps ?? [], activity: lane.activity === null ? null : bytesOf(lane.activity) },
  ]);
  return { start: answer.start, bucket: answer.bucket_ms, lanes: new Map(lanes) };
}
