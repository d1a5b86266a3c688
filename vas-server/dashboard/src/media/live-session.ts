// One viewer's session with one stream, which comes back by itself.
//
//   idle -> queued -> connecting -> playing <-> late -> stalled (ICE restart) -> reconnecting -> queued ...
//                        |                                                            ^
//                        |-> waiting-camera (as the server says; resumes on LIVE)     |
//                        |-> refused (403, 404, codec)                                |
//                        `-> any other failure ---------------------------------------'

import type { Cancel, Clock } from "./clock";
import { Emitter } from "./emitter";
import { type Refusal, RefusalError, unreachable } from "./http";
import * as rules from "./live-rules";
import type { Channel, Gate, LiveSnapshot, StreamFacts, Surface, Way, WayChooser } from "./live-types";
import type { Release, SetupPool } from "./pool";
import type { LayerWish } from "./whep";

export interface LiveDeps {
  readonly clock: Clock;
  /** 0..1. */
  readonly random: () => number;
  readonly pool: SetupPool;
  /** Place in the queue for set-ups; the lowest goes first. */
  readonly rank: () => number;
  readonly surface: Surface;
  readonly ways: WayChooser;
  readonly gate: Gate;
  readonly channel: (way: Way) => Channel;
}

interface Run {
  readonly channel: Channel;
  readonly release: Release;
  /** Since when a picture is waited for, and when the last came; the clock's milliseconds. */
  begun: number;
  last: number;
  playingSince: number;
  restarted: boolean;
  decoded: number;
  unwatch: Cancel | null;
  stopTicks: Cancel;
}

const NEVER: LiveSnapshot = {
  state: "idle", way: "webrtc", reason: "", code: "", attempt: 0, retryAt: null, since: 0, lastFrameAt: null,
};

export class LiveSession {
  readonly changes = new Emitter<LiveSnapshot>();
  readonly #deps: LiveDeps;
  #snapshot: LiveSnapshot;
  #facts: StreamFacts | null = null;
  #wanted = false;
  #run: Run | null = null;
  #leaveQueue: Cancel | null = null;
  #stopRetry: Cancel | null = null;
  #wish: LayerWish | null = null;
  readonly #ungate: Cancel;

  constructor(deps: LiveDeps) {
    this.#deps = deps;
    this.#snapshot = { ...NEVER, since: deps.clock.wall() };
    this.#ungate = deps.gate.changes.subscribe((lost) => this.#gated(lost));
  }

  get snapshot(): LiveSnapshot {
    return this.#snapshot;
  }

  /** The channel that is open, for statistics. */
  get channel(): Channel | null {
    return this.#run?.channel ?? null;
  }

  /** Begins to play, as soon as the stream is known to be live. */
  start(): void {
    if (this.#wanted) return;
    this.#wanted = true;
    this.#proceed();
  }

  /** Lets go of the connection and keeps the last picture; `start` goes on. */
  suspend(): void {
    this.#wanted = false;
    this.#cancelWaits();
    this.#drop();
    this.#enter({ state: "idle", attempt: 0 });
  }

  /** Ends it for good. */
  close(): void {
    this.suspend();
    this.#ungate();
    this.#deps.ways.forget(this);
  }

  /** Takes note of what the server says of the stream. */
  observe(facts: StreamFacts): void {
    const before = this.#facts;
    this.#facts = facts;
    const replaced = before?.producer != null && facts.producer != null && before.producer !== facts.producer;
    const over = facts.state === "STOPPED" || facts.state === "CLOSED";
    if (this.#run && (replaced || over)) this.#drop();
    if (!this.#wanted) return;
    if (facts.state !== "LIVE") this.#await(facts.reason, facts.retryAt);
    else if (before?.state !== "LIVE" || replaced || this.#snapshot.state === "idle") this.#proceed();
  }

  /** Tries again now: the network is back, or somebody asked for it. */
  hurry(): void {
    if (this.#stopRetry || this.#snapshot.state === "refused") this.#proceed();
  }

  /** Another way is open, or this one no longer is. */
  reroute(): void {
    if (this.#run && this.#deps.ways.choose(this, this.#facts?.codec ?? null) !== this.#run.channel.way) this.reopen();
  }

  /** Begins anew over the last picture: with sound, without it, or in another way. */
  reopen(): void {
    if (!this.#run) return;
    this.#drop();
    this.#proceed();
  }

  /** What the tile has use for. A paused one is sent nothing, and misses nothing. */
  wish(layer: LayerWish): void {
    this.#wish = layer;
    this.#run?.channel.wish(layer);
  }

  /** Connects, if there is reason to, or says what is waited for. */
  #proceed(): void {
    const facts = this.#facts;
    this.#cancelWaits();
    if (!this.#wanted || !facts) return;
    if (facts.state !== "LIVE") {
      this.#await(facts.reason, facts.retryAt);
    } else if (this.#run) {
      // The same session goes on where the camera has come back.
      this.#run.begun = this.#deps.clock.now();
      this.#run.last = 0;
      this.#enter({ state: "connecting" });
    } else if (this.#deps.gate.lost) {
      this.#enter({ state: "reconnecting" });
    } else {
      this.#enter({ state: "queued", retryAt: null });
      this.#leaveQueue = this.#deps.pool.request(this.#deps.rank, (release) => this.#begin(release));
    }
  }

  #begin(release: Release): void {
    this.#leaveQueue = null;
    const { clock, ways } = this.#deps;
    const channel = this.#deps.channel(ways.choose(this, this.#facts?.codec ?? null));
    const stopTicks = clock.every(rules.TICK_MS, () => this.#tick(run));
    const run: Run = {
      channel, release, begun: clock.now(), last: 0, playingSince: 0, restarted: false, decoded: 0,
      unwatch: null, stopTicks,
    };
    this.#run = run;
    channel.onlost = (reason) => this.#run === run && this.#again(reason);
    channel.onmedia = () => this.#run === run && this.#unplayable();
    this.#enter({ state: "connecting", way: channel.way });
    this.#watch(run);
    channel.open().then(
      () => this.#run === run && this.#wish && channel.wish(this.#wish),
      (error: unknown) => {
        if (this.#run !== run) return;
        this.#refused(error instanceof RefusalError ? error.refusal : unreachable(error));
      },
    );
  }

  #watch(run: Run): void {
    run.unwatch = this.#deps.surface.nextPicture(() => {
      run.unwatch = null;
      if (this.#run === run) this.#seen(run);
    });
  }

  #seen(run: Run): void {
    if (this.#facts?.state !== "LIVE") return;
    const { clock, surface, ways } = this.#deps;
    const first = run.playingSince === 0;
    run.last = clock.now();
    if (first) {
      run.playingSince = run.last;
      run.release();
      if (run.channel.way === "webrtc") ways.arrived(this);
      surface.reveal(run.channel.way);
    }
    if (this.#snapshot.state !== "playing") {
      run.restarted = false;
      this.#enter({ state: "playing", reason: "", code: "", retryAt: null, lastFrameAt: clock.wall() });
    }
  }

  /** Twice a second: asks for a picture, and notices when none came. */
  #tick(run: Run): void {
    if (this.#run !== run) return;
    const { clock } = this.#deps;
    if (!run.unwatch) this.#watch(run);
    if (!this.#deps.surface.presents()) this.#count(run);
    if (this.#facts?.state !== "LIVE") return;
    const now = clock.now();
    if (this.#wish?.paused && run.last > 0) run.last = now;
    if (run.last === 0) {
      if (now - run.begun >= rules.FIRST_FRAME_MS) this.#missed(run);
      return;
    }
    const silent = now - run.last;
    const { state, attempt } = this.#snapshot;
    if (silent < rules.TICK_MS && attempt > 0 && now - run.playingSince > rules.STEADY_MS) this.#enter({ attempt: 0 });
    if (silent >= rules.LOST_MS) {
      this.#again("No picture arrived");
    } else if (silent >= rules.STALLED_MS && state !== "stalled") {
      this.#enter({ state: "stalled", lastFrameAt: clock.wall() - silent });
      if (!run.restarted && !this.#deps.gate.lost) {
        run.restarted = true;
        void run.channel.restart();
      }
    } else if (silent >= rules.lateAfter(this.#facts.fps) && state === "playing") {
      this.#enter({ state: "late", lastFrameAt: clock.wall() - silent });
      this.#deps.gate.stalled(this);
    }
  }

  /** Where no picture is presented, what is decoded counts. */
  #count(run: Run): void {
    void run.channel.decoded().then((decoded) => {
      if (decoded === null || decoded <= run.decoded || this.#run !== run) return;
      run.decoded = decoded;
      this.#seen(run);
    });
  }

  #missed(run: Run): void {
    if (run.channel.way === "webrtc") this.#deps.ways.missed(this);
    // It may have been sent another way by that.
    if (this.#run === run) this.#again("No picture arrived");
  }

  #refused(refusal: Refusal): void {
    const { status, code, text, retryAfterMs } = refusal;
    this.#drop();
    if (status === 409 || code === "STREAM_NOT_LIVE" || code === "NO_PRODUCER") {
      // What the stream is, and when it is tried again, is known from its own state; else as told.
      if (retryAfterMs && this.#facts?.state === "LIVE") this.#schedule("waiting-camera", retryAfterMs, text);
      else this.#await(text, this.#facts?.retryAt ?? null);
    } else if (status === 406 || status === 415 || status === 422) {
      this.#unplayable(text, code);
    } else if ([400, 401, 403, 404].includes(status)) {
      this.#enter({ state: "refused", reason: text, code, retryAt: null });
    } else if (retryAfterMs) {
      this.#enter({ attempt: this.#snapshot.attempt + 1, code });
      this.#schedule("reconnecting", retryAfterMs, text);
    } else {
      if (status === 0) this.#deps.gate.suspect();
      this.#again(text);
    }
  }

  /** This way can"t show the stream"s media: the next one, or none. */
  #unplayable(reason = "This browser can’t play the stream’s media", code = "UNSUPPORTED_CODEC"): void {
    const way = this.#snapshot.way;
    this.#drop();
    this.#deps.ways.unplayable(this, way);
    if (this.#deps.ways.choose(this, this.#facts?.codec ?? null) !== way) this.#proceed();
    else this.#enter({ state: "refused", reason, code, retryAt: null });
  }

  #await(reason: string, retryAt: number | null): void {
    this.#cancelWaits();
    if (this.#run) this.#run.release();
    this.#enter({ state: "waiting-camera", reason, retryAt, code: "" });
  }

  #again(reason: string): void {
    this.#drop();
    const attempt = this.#snapshot.attempt + 1;
    this.#enter({ attempt, code: "" });
    if (this.#deps.gate.lost) this.#enter({ state: "reconnecting", reason, retryAt: null });
    else this.#schedule("reconnecting", rules.backoff(attempt, this.#deps.random()), reason);
  }

  #schedule(state: "reconnecting" | "waiting-camera", ms: number, reason: string): void {
    this.#cancelWaits();
    this.#stopRetry = this.#deps.clock.after(ms, () => this.#proceed());
    this.#enter({ state, reason, retryAt: this.#deps.clock.wall() + ms });
  }

  /** While the server is gone nobody tries; when it is back all go on through the queue. */
  #gated(lost: boolean): void {
    if (!this.#wanted || this.#snapshot.state === "waiting-camera") return;
    if (lost) {
      this.#cancelWaits();
      if (this.#run) this.#drop();
      this.#enter({ state: "reconnecting", reason: "Connection to the server lost", code: "SERVER_LOST", retryAt: null });
    } else if (!this.#run) {
      this.#proceed();
    }
  }

  #enter(change: Partial<LiveSnapshot>): void {
    const before = this.#snapshot;
    const keys = Object.keys(change) as (keyof LiveSnapshot)[];
    if (keys.every((key) => before[key] === change[key])) return;
    const moved = change.state !== undefined && change.state !== before.state;
    this.#snapshot = { ...before, ...change, since: moved ? this.#deps.clock.wall() : before.since };
    this.changes.emit(this.#snapshot);
  }

  #cancelWaits(): void {
    this.#leaveQueue?.();
    this.#stopRetry?.();
    this.#leaveQueue = this.#stopRetry = null;
  }

  /** Lets go of the connection; its last picture is kept in sight. */
  #drop(): void {
    const run = this.#run;
    if (!run) return;
    this.#run = null;
    run.stopTicks();
    run.unwatch?.();
    if (run.last > 0) {
      const silent = this.#deps.clock.now() - run.last;
      this.#enter({ lastFrameAt: this.#deps.clock.wall() - silent });
      this.#deps.surface.freeze();
    }
    run.channel.close();
    run.release();
  }
}
