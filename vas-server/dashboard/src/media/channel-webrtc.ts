import type { Clock } from "./clock";
import type { Channel } from "./live-types";
import type { Fetch } from "./http";
import type { PictureSurface } from "./surface";
import { type LayerWish, WhepClient } from "./whep";

/** How long a path may be gone before another is looked for; checks come back within this where they can. */
const DISCONNECTED_MS = 4_000;

export interface RtcChannelDeps {
  readonly url: string;
  readonly fetch: Fetch;
  readonly clock: Clock;
  readonly surface: PictureSurface;
  readonly createPeer: (config: RTCConfiguration) => RTCPeerConnection;
  readonly audio: boolean;
}

/** Pictures by WebRTC. */
export class RtcChannel implements Channel {
  readonly way = "webrtc";
  readonly whep: WhepClient;
  onlost: (reason: string) => void = () => {};
  onmedia: () => void = () => {};
  #stopPatience: (() => void) | null = null;

  constructor(private readonly deps: RtcChannelDeps) {
    this.whep = new WhepClient(deps.url, deps);
    this.whep.ontrack = (stream) => deps.surface.attach(stream);
    this.whep.onstate = (state) => this.#state(state);
  }

  open(): Promise<void> {
    return this.whep.connect();
  }

  restart(): Promise<boolean> {
    return this.whep.restart();
  }

  wish(layer: LayerWish): void {
    void this.whep.layer(layer);
  }

  async decoded(): Promise<number | null> {
    for (const entry of (await this.whep.stats()).values()) {
      if (entry.type === "inbound-rtp" && entry.kind === "video") return entry.framesDecoded ?? 0;
    }
    return null;
  }

  close(): void {
    this.#stopPatience?.();
    this.whep.close();
    this.deps.surface.detach();
  }

  #state(state: RTCPeerConnectionState): void {
    this.#stopPatience?.();
    this.#stopPatience = null;
    if (state === "failed" || state === "closed") {
      this.onlost("The connection was lost");
    } else if (state === "disconnected") {
      this.#stopPatience = this.deps.clock.after(DISCONNECTED_MS, () => void this.whep.restart());
    }
  }
}
