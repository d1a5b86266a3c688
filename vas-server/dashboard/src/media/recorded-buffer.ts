// Recorded media in a `<video>`, by Media Source Extensions. The element's own time is wall time (less an origin): a
// gap in the recording is a gap in what is buffered, several cameras agree about what "now" is, and no list of offsets
// is needed to tell when a picture was taken. A player of playlists would close gaps up, and tell the time by its list.

import type { Fetch } from "./http";
import { RefusalError, refusalOf, unreachable } from "./http";
import { firstTime, type InitInfo, readInit } from "./mp4";
import type { ByteRange, Segment } from "./playlist";
import type { RecordedIndex } from "./recorded-index";

/** Seconds kept before the position. */
const BACK_S = 30;
const DAY_MS = 86_400_000;
/** The origin lies so far back that all that is kept comes after it. */
const REACH_MS = 400 * DAY_MS;
/** Disagreement of a run's timeline with wall time, in seconds, from which its place is corrected. */
const DRIFT_S = 0.03;

export interface BufferDeps {
  readonly video: HTMLVideoElement;
  readonly index: RecordedIndex;
  readonly fetch: Fetch;
  readonly now: number;
}

type AnyMediaSource = typeof MediaSource;

/** The source that the browser has: Safari on phones has the managed one alone. */
function sourceClass(): AnyMediaSource | null {
  const scope = globalThis as { MediaSource?: AnyMediaSource; ManagedMediaSource?: AnyMediaSource };
  return scope.MediaSource ?? scope.ManagedMediaSource ?? null;
}

export class RecordedBuffer {
  readonly origin: number;
  readonly #source: MediaSource;
  readonly #opened: Promise<void>;
  readonly #object: string;
  #buffer: SourceBuffer | null = null;
  #init: { range: ByteRange; info: InitInfo } | null = null;
  #inits = new Map<string, Promise<ArrayBuffer>>();
  #offset: number | null = null;
  #closed = false;

  constructor(private readonly deps: BufferDeps) {
    const Source = sourceClass();
    if (!Source) throw new RefusalError({ status: 0, code: "NO_MSE", text: "This browser can’t play recordings", retryAfterMs: null });
    this.origin = Math.floor((deps.now - REACH_MS) / DAY_MS) * DAY_MS;
    this.#source = new Source();
    this.#object = URL.createObjectURL(this.#source);
    this.#opened = new Promise((opened) => this.#source.addEventListener("sourceopen", () => opened(), { once: true }));
    deps.video.src = this.#object;
  }

  /** The end of what is buffered from `at` on without a break; null where `at` is not buffered. */
  bufferedUntil(at: number): number | null {
    const { buffered } = this.deps.video;
    const seconds = (at - this.origin) / 1_000;
    for (let index = 0; index < buffered.length; index++) {
      if (buffered.start(index) <= seconds + 0.05 && seconds < buffered.end(index)) return buffered.end(index) * 1_000 + this.origin;
    }
    return null;
  }

  /** Puts a segment in. */
  async append(segment: Segment, signal: AbortSignal): Promise<void> {
    const [init, media] = await Promise.all([this.#initOf(segment.init), this.#load(segment.media, signal)]);
    await this.#opened;
    if (signal.aborted || this.#closed) return;
    const buffer = await this.#prepare(segment.init, init);
    const { info } = this.#init ?? {};
    const begins = info ? firstTime(media, info) : null;
    if (begins !== null) {
      const exact = (segment.start - this.origin) / 1_000 - begins;
      if (this.#offset === null || Math.abs(exact - this.#offset) > DRIFT_S) this.#offset = exact;
      buffer.timestampOffset = this.#offset;
    }
    await this.#do(() => buffer.appendBuffer(media));
  }

  /** Forgets what lies well before `at`, and after `until`. */
  async prune(at: number, until: number): Promise<void> {
    const { buffered } = this.deps.video;
    const buffer = this.#buffer;
    if (!buffer || buffered.length === 0 || this.#closed) return;
    const from = (at - this.origin) / 1_000 - BACK_S;
    const to = (until - this.origin) / 1_000;
    const [first, last] = [buffered.start(0), buffered.end(buffered.length - 1)];
    if (first < from - BACK_S) await this.#do(() => buffer.remove(first, from));
    if (last > to) await this.#do(() => buffer.remove(to, last));
  }

  close(): void {
    this.#closed = true;
    this.deps.video.removeAttribute("src");
    this.deps.video.load();
    URL.revokeObjectURL(this.#object);
  }

  async #prepare(range: ByteRange, bytes: ArrayBuffer): Promise<SourceBuffer> {
    if (this.#buffer && this.#init?.range.url === range.url) return this.#buffer;
    const info = readInit(bytes);
    if (!info) throw new RefusalError({ status: 0, code: "BAD_MEDIA", text: "The recording can’t be read", retryAfterMs: null });
    const Source = sourceClass();
    if (!Source?.isTypeSupported(info.type)) {
      throw new RefusalError({ status: 0, code: "UNSUPPORTED_CODEC", text: "This browser can’t play the recording’s codec", retryAfterMs: null });
    }
    if (!this.#buffer) {
      this.#buffer = this.#source.addSourceBuffer(info.type);
      this.#source.duration = (this.deps.now + DAY_MS - this.origin) / 1_000 + REACH_MS / 1_000;
    } else if (this.#init?.info.type !== info.type) {
      this.#buffer.changeType(info.type);
    }
    const buffer = this.#buffer;
    this.#init = { range, info };
    this.#offset = null;
    await this.#do(() => buffer.appendBuffer(bytes));
    return buffer;
  }

  #do(work: () => void): Promise<void> {
    const buffer = this.#buffer;
    if (!buffer || this.#closed) return Promise.resolve();
    return new Promise((done, failed) => {
      const over = () => {
        buffer.removeEventListener("updateend", over);
        buffer.removeEventListener("error", bad);
        done();
      };
      const bad = () => {
        buffer.removeEventListener("updateend", over);
        buffer.removeEventListener("error", bad);
        failed(new RefusalError({ status: 0, code: "BAD_MEDIA", text: "The recording can’t be decoded", retryAfterMs: null }));
      };
      buffer.addEventListener("updateend", over);
      buffer.addEventListener("error", bad);
      try {
        work();
      } catch (error) {
        buffer.removeEventListener("updateend", over);
        buffer.removeEventListener("error", bad);
        failed(error);
      }
    });
  }

  #initOf(range: ByteRange): Promise<ArrayBuffer> {
    const known = this.#inits.get(range.url);
    if (known) return known;
    const loaded = this.#load(range, null);
    this.#inits.set(range.url, loaded);
    loaded.catch(() => this.#inits.delete(range.url));
    return loaded;
  }

  async #load({ url, from, to }: ByteRange, signal: AbortSignal | null): Promise<ArrayBuffer> {
    const headers = { Range: `bytes=${String(from)}-${String(to - 1)}` };
    const response = await this.deps.fetch(url, { headers, signal }).catch((error: unknown) => {
      throw signal?.aborted ? error : new RefusalError(unreachable(error));
    });
    if (!response.ok) throw new RefusalError(refusalOf(response, await response.text()));
    return response.arrayBuffer();
  }
}
