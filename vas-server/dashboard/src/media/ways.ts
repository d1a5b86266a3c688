// Which way a stream is played. WebRTC, unless there is a reason that is not the camera's; lower quality is never
// chosen silently: the tile says which way it has.

import type { Clock } from "./clock";
import { Emitter } from "./emitter";
import { PROBE_AFTER_MS } from "./live-rules";
import type { Way, WayChooser } from "./live-types";

/** What a browser can do, by the name of a codec. */
export interface Capabilities {
  readonly webrtc: (codec: string) => boolean;
  readonly mse: (codec: string) => boolean;
}

/** Streams by HLS at the same time: over HTTP/1.1 their blocking requests use up the browser's six connections. */
const HLS_TILES = { h1: 2, h2: 8 };
/** First pictures missed after which it is the network. */
const MISSES = 2;

export class Ways implements WayChooser {
  /** Whether WebRTC does not get through this network. Says so with every change. */
  readonly changes = new Emitter<boolean>();
  #blocked = false;
  #probes = 0;
  readonly #misses = new Map<object, number>();
  readonly #unplayable = new Map<object, Set<Way>>();
  readonly #byHls = new Set<object>();

  /** `probe` tries WebRTC once, beside what is shown. */
  constructor(
    private readonly capabilities: Capabilities,
    private readonly clock: Clock,
    private readonly isHttp2: () => boolean,
    private readonly probe: () => Promise<boolean>,
  ) {}

  get blocked(): boolean {
    return this.#blocked;
  }

  choose(session: object, codec: string | null): Way {
    const failed = this.#unplayable.get(session);
    const can = (way: Way, plays: (codec: string) => boolean) => !failed?.has(way) && plays(codec ?? "H264");
    if (!this.#blocked && can("webrtc", this.capabilities.webrtc)) {
      this.#byHls.delete(session);
      return "webrtc";
    }
    const room = this.#byHls.size < (this.isHttp2() ? HLS_TILES.h2 : HLS_TILES.h1);
    if ((room || this.#byHls.has(session)) && can("hls", this.capabilities.mse)) {
      this.#byHls.add(session);
      return "hls";
    }
    this.#byHls.delete(session);
    return "still";
  }

  missed(session: object): void {
    const misses = (this.#misses.get(session) ?? 0) + 1;
    this.#misses.set(session, misses);
    if (misses < MISSES || this.#blocked) return;
    this.#blocked = true;
    this.#probes = 0;
    this.#probeLater();
    this.changes.emit(true);
  }

  arrived(session: object): void {
    this.#misses.delete(session);
  }

  unplayable(session: object, way: Way): void {
    const failed = this.#unplayable.get(session) ?? new Set();
    this.#unplayable.set(session, failed.add(way));
  }

  forget(session: object): void {
    this.#misses.delete(session);
    this.#unplayable.delete(session);
    this.#byHls.delete(session);
  }

  #probeLater(): void {
    const ms = PROBE_AFTER_MS[Math.min(this.#probes, PROBE_AFTER_MS.length - 1)] ?? 0;
    this.#probes += 1;
    this.clock.after(ms, () => {
      void this.probe().catch(() => false).then((carried) => {
        if (!carried) return this.#probeLater();
        this.#blocked = false;
        this.#misses.clear();
        this.changes.emit(false);
      });
    });
  }
}

const RTP_NAMES: Record<string, string> = { H264: "video/H264", H265: "video/H265", AV1: "video/AV1", VP8: "video/VP8" };
const MP4_NAMES: Record<string, string> = { H264: "avc1.64001f", H265: "hvc1.1.6.L93.B0", AV1: "av01.0.04M.08" };

/** What this browser can do. */
export function browserCapabilities(): Capabilities {
  const source = typeof MediaSource === "undefined" ? null : MediaSource;
  return {
    webrtc(codec) {
      if (typeof RTCPeerConnection === "undefined") return false;
      const known = globalThis.RTCRtpReceiver?.getCapabilities?.("video")?.codecs;
      const name = (RTP_NAMES[codec] ?? codec).toLowerCase();
      return !known || known.some(({ mimeType }) => mimeType.toLowerCase() === name);
    },
    mse: (codec) => source?.isTypeSupported(`video/mp4; codecs="${MP4_NAMES[codec] ?? codec}"`) ?? false,
  };
}

/** Whether the page came by HTTP/2 or later. */
export function pageIsHttp2(): boolean {
  const [entry] = performance.getEntriesByType("navigation") as PerformanceNavigationTiming[];
  return entry !== undefined && entry.nextHopProtocol !== "" && entry.nextHopProtocol !== "http/1.1";
}
