import type { Clock } from "./clock";
import { RefusalError } from "./http";
import type { Channel } from "./live-types";
import type { PictureSurface } from "./surface";
import type Hls from "hls.js/light";
import type { ErrorData, HlsConfig } from "hls.js/light";

/** Fatal media errors within a minute after which the stream's media counts as unplayable by HLS. */
const MEDIA_ERRORS = 3;
const MINUTE_MS = 60_000;

const CONFIG: Partial<HlsConfig> = {
  lowLatencyMode: true,
  backBufferLength: 10,
  maxBufferLength: 6,
  maxLiveSyncPlaybackRate: 1.05,
  liveSyncOnStallIncrease: 0.5,
};

export interface HlsDeps {
  readonly url: string;
  /** For callers without a cookie. */
  readonly token: string | null;
  readonly clock: Clock;
  readonly surface: PictureSurface;
  /** Loads the library, which few pages need. */
  readonly load: () => Promise<typeof Hls>;
}

/** Pictures by low-latency HLS, about two seconds behind the camera. */
export class HlsChannel implements Channel {
  readonly way = "hls";
  onlost: (reason: string) => void = () => {};
  onmedia: () => void = () => {};
  #hls: Hls | null = null;
  #errors: number[] = [];
  #closed = false;

  constructor(private readonly deps: HlsDeps) {}

  /** How far what is shown is behind the camera, in milliseconds. */
  get behindMs(): number | null {
    const shown = this.#hls?.playingDate?.getTime();
    return shown === undefined ? null : Math.max(0, this.deps.clock.wall() - shown);
  }

  async open(): Promise<void> {
    const { surface, url, token } = this.deps;
    const Player = await this.deps.load().catch(() => null);
    if (this.#closed) return;
    if (!Player) throw new RefusalError({ status: 0, code: "UNREACHABLE", text: "The server can’t be reached", retryAfterMs: null });
    const xhrSetup = token
      ? (request: XMLHttpRequest) => request.setRequestHeader("Authorization", `Bearer ${token}`)
      : undefined;
    const hls = new Player({ ...CONFIG, ...(xhrSetup && { xhrSetup }) });
    this.#hls = hls;
    hls.on(Player.Events.ERROR, (_event, data) => this.#failed(data, hls, Player));
    hls.loadSource(url);
    hls.attachMedia(surface.video);
    hls.on(Player.Events.MANIFEST_PARSED, () => void surface.video.play().catch(() => null));
  }

  async restart(): Promise<boolean> {
    this.#hls?.startLoad();
    return true;
  }

  wish(): void {
    // The player chooses by the size of its element and by what the network carries.
  }

  async decoded(): Promise<number | null> {
    return this.deps.surface.video.getVideoPlaybackQuality?.().totalVideoFrames ?? null;
  }

  close(): void {
    this.#closed = true;
    this.#hls?.destroy();
    this.#hls = null;
    this.deps.surface.detach();
  }

  #failed(data: ErrorData, hls: Hls, Player: typeof Hls): void {
    if (!data.fatal || this.#closed) return;
    if (data.type !== Player.ErrorTypes.MEDIA_ERROR) {
      this.onlost("The connection was lost");
      return;
    }
    const now = this.deps.clock.now();
    this.#errors = [...this.#errors.filter((at) => now - at < MINUTE_MS), now];
    if (this.#errors.length >= MEDIA_ERRORS) this.onmedia();
    else hls.recoverMediaError();
  }
}
