// Plays what was recorded of one camera, by wall time.

import type { Cancel, Clock } from "./clock";
import { Emitter } from "./emitter";
import { type Fetch, RefusalError, unreachable } from "./http";
import { RecordedBuffer } from "./recorded-buffer";
import type { RecordedIndex } from "./recorded-index";

/** Media kept ahead, in milliseconds of playing. */
const AHEAD_MS = 15_000;
/** How long before an hour ends the next one's playlist is asked for. */
const PREFETCH_MS = 60_000;
const TICK_MS = 200;
/** Breaks up to this length are the joints of files: nothing is said of them. */
const JOINT_MS = 700;
/** The fastest that all pictures are shown; beyond, and backwards, some are picked. */
export const FASTEST_PLAYED = 4;
/** After a failure the media is asked for again. */
const AGAIN_MS = 2_000;

export type RecordedState = "idle" | "loading" | "playing" | "paused" | "gap" | "end" | "failed";

export interface RecordedSnapshot {
  readonly state: RecordedState;
  readonly rate: number;
  readonly reason: string;
}

/** A break that playback passed over, in milliseconds since 1970. */
export interface Skipped {
  readonly from: number;
  readonly to: number;
}

export interface RecordedDeps {
  readonly video: HTMLVideoElement;
  readonly index: RecordedIndex;
  readonly fetch: Fetch;
  readonly clock: Clock;
  /** Whether breaks are passed over; one of several cameras waits for the others instead. */
  readonly jumps: boolean;
}

export class RecordedPlayer {
  readonly changes = new Emitter<RecordedSnapshot>();
  readonly skips = new Emitter<Skipped>();
  readonly #buffer: RecordedBuffer;
  readonly #stopTicks: Cancel;
  #snapshot: RecordedSnapshot = { state: "idle", rate: 1, reason: "" };
  #wantsPlay = false;
  #rate = 1;
  #wanted: number | null = null;
  #loading: AbortController | null = null;
  /** Where what is to be loaded next begins; null before the first seek. */
  #next: number | null = null;
  #failedAt = -Infinity;
  #shuttle: { at: number; since: number } | null = null;

  constructor(private readonly deps: RecordedDeps) {
    this.#buffer = new RecordedBuffer({ ...deps, now: deps.clock.wall() });
    this.#stopTicks = deps.clock.every(TICK_MS, () => this.#tick());
  }

  get snapshot(): RecordedSnapshot {
    return this.#snapshot;
  }

  /** Wall time of what is shown, or of what was asked for and is on its way. */
  get time(): number {
    return this.#wanted ?? this.deps.video.currentTime * 1_000 + this.#buffer.origin;
  }

  /** Whether the picture of `time` is there. */
  get ready(): boolean {
    return this.#wanted === null && this.deps.video.readyState >= 2 && !this.deps.video.seeking;
  }

  play(): void {
    this.#wantsPlay = true;
    this.#tick();
  }

  pause(): void {
    this.#wantsPlay = false;
    this.#shuttle = null;
    this.deps.video.pause();
    this.#tick();
  }

  /** Shows the picture of `at`; the newest of several seeks wins. */
  seek(at: number): void {
    this.#wanted = at;
    if (this.#shuttle) this.#shuttle = { at, since: this.deps.clock.now() };
    if (this.#buffer.bufferedUntil(at) === null) this.#restart(at);
    this.#place();
    this.#tick();
  }

  /** 0.25..4 plays all pictures; more, and less than 0, shows some. */
  setRate(rate: number): void {
    this.#rate = rate;
    const picked = rate < 0 || rate > FASTEST_PLAYED;
    this.#shuttle = picked && this.#wantsPlay ? { at: this.time, since: this.deps.clock.now() } : null;
    if (!picked) this.deps.video.playbackRate = rate;
    this.#tick();
  }

  /** A correction by the clock that keeps several cameras together. */
  nudge(rate: number): void {
    if (!this.#shuttle && this.deps.video.playbackRate !== rate) this.deps.video.playbackRate = rate;
  }

  close(): void {
    this.#stopTicks();
    this.#loading?.abort();
    this.#buffer.close();
  }

  #restart(at: number): void {
    this.#loading?.abort();
    this.#loading = null;
    this.#next = at;
    this.#failedAt = -Infinity;
  }

  #place(): void {
    const wanted = this.#wanted;
    if (wanted === null || this.#buffer.bufferedUntil(wanted) === null) return;
    this.deps.video.currentTime = (wanted - this.#buffer.origin) / 1_000;
    this.#wanted = null;
  }

  #tick(): void {
    if (this.#next === null) return;
    if (this.#snapshot.state === "failed" && this.deps.clock.now() - this.#failedAt < AGAIN_MS) return;
    this.#advance();
    this.#place();
    const { video } = this.deps;
    const ready = this.#wanted === null && video.readyState >= 2;
    if (this.#wantsPlay && !this.#shuttle && ready && video.paused) video.play().catch(() => null);
    if ((!this.#wantsPlay || this.#shuttle) && !video.paused) video.pause();
    if (this.#wanted === null && video.readyState < 3 && !video.seeking) this.#cross();
    this.#fill();
    if (["gap", "end", "failed"].includes(this.#snapshot.state) && !ready) return;
    this.#enter(!ready && this.#snapshot.state !== "idle" ? "loading" : this.#wantsPlay ? "playing" : "paused");
  }

  /** Picks the next picture to show where not all are. */
  #advance(): void {
    const shuttle = this.#shuttle;
    if (!shuttle || this.deps.video.seeking || this.#wanted !== null) return;
    const now = this.deps.clock.now();
    const at = Math.min(shuttle.at + (now - shuttle.since) * this.#rate, this.deps.clock.wall());
    this.#shuttle = { at, since: now };
    this.#wanted = at;
    if (this.#buffer.bufferedUntil(at) === null && Math.abs((this.#next ?? at) - at) > AHEAD_MS) this.#restart(at);
  }

  /** Goes on behind a joint: a break that is too short to say anything of. */
  #cross(): void {
    const { video } = this.deps;
    for (let index = 0; index < video.buffered.length; index++) {
      const ahead = video.buffered.start(index) - video.currentTime;
      if (ahead > 0 && ahead * 1_000 < JOINT_MS) video.currentTime = video.buffered.start(index) + 0.001;
    }
  }

  #fill(): void {
    if (this.#loading || this.#next === null) return;
    const at = this.time;
    const until = this.#buffer.bufferedUntil(at);
    if (until !== null) this.#next = Math.max(until, Math.min(this.#next, until + JOINT_MS));
    const ahead = AHEAD_MS * Math.max(1, Math.min(Math.abs(this.#rate), FASTEST_PLAYED));
    if (this.#next - at > ahead) return;
    const loading = new AbortController();
    this.#loading = loading;
    this.#load(at, loading.signal).then(
      () => this.#loading === loading && (this.#loading = null),
      (error: unknown) => {
        if (this.#loading !== loading) return;
        this.#loading = null;
        this.#failedAt = this.deps.clock.now();
        const refusal = error instanceof RefusalError ? error.refusal : unreachable(error);
        this.#enter("failed", refusal.text);
      },
    );
  }

  async #load(at: number, signal: AbortSignal): Promise<void> {
    const next = this.#next ?? at;
    const segment = await this.deps.index.segmentAt(next + 1);
    if (signal.aborted) return;
    this.deps.index.prefetch(at, PREFETCH_MS);
    const until = this.#buffer.bufferedUntil(at);
    if (!segment) {
      // Nothing more is recorded: played out, that is the end.
      if (until === null || until - at < TICK_MS) this.#enter("end");
      return this.#pause();
    }
    const gap = segment.start - Math.max(next, at);
    if (gap > JOINT_MS) {
      if (until !== null && until - at > TICK_MS) return this.#pause();
      if (!this.deps.jumps) {
        this.#enter("gap");
        return this.#pause();
      }
      this.skips.emit({ from: Math.max(next, at), to: segment.start });
      this.#wanted = segment.start;
      if (this.#shuttle) this.#shuttle = { at: segment.start, since: this.deps.clock.now() };
    }
    await this.#buffer.append(segment, signal);
    if (signal.aborted) return;
    this.#next = segment.end;
    // A first picture may come a little after the time that its segment is said to begin at.
    const wanted = this.#wanted;
    if (wanted !== null && this.#buffer.bufferedUntil(wanted) === null && wanted >= segment.start - JOINT_MS && wanted < segment.end) {
      const later = this.#buffer.bufferedUntil(wanted + 120);
      if (later !== null) this.#wanted = wanted + 120;
    }
    this.#place();
    if (this.#snapshot.state !== "playing" && this.#snapshot.state !== "paused") this.#enter("loading");
    await this.#buffer.prune(this.time, this.time + 4 * AHEAD_MS * FASTEST_PLAYED);
  }

  /** Waits a little before the next look. */
  #pause(): Promise<void> {
    return new Promise((done) => this.deps.clock.after(TICK_MS * 2, done));
  }

  #enter(state: RecordedState, reason = ""): void {
    const before = this.#snapshot;
    if (before.state === state && before.rate === this.#rate && before.reason === reason) return;
    this.#snapshot = { state, rate: this.#rate, reason };
    this.changes.emit(this.#snapshot);
  }
}
