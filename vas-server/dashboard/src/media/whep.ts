// A viewer's session over WHEP (draft-ietf-wish-whep): offer and answer by POST, candidates and restarts of ICE by
// PATCH, the wanted layer by POST to `{session}/layer`, the end by DELETE.

import type { Clock } from "./clock";
import { type Fetch, RefusalError, refusalOf, unreachable } from "./http";
import { fragmentOf, iceServers, merged } from "./sdp-fragment";

/** How long the server may take to answer the offer. */
const ANSWER_MS = 5_000;
/** How long the connection outlives the call that ends its session, at most. */
const CLOSE_MS = 2_000;
const FRAGMENT = "application/trickle-ice-sdpfrag";

/** The most that a viewer has use for, in pixels of the picture; a paused one is sent nothing. */
export interface LayerWish {
  max_width: number;
  max_height: number;
  paused: boolean;
}

export interface WhepDeps {
  fetch: Fetch;
  clock: Clock;
  createPeer: (config: RTCConfiguration) => RTCPeerConnection;
  audio: boolean;
}

export class WhepClient {
  readonly #pc: RTCPeerConnection;
  #session: string | null = null;
  #etag = "*";
  #closed = false;
  #candidates = false;
  ontrack: (stream: MediaStream) => void = () => {};
  onstate: (state: RTCPeerConnectionState) => void = () => {};

  constructor(readonly url: string, readonly deps: WhepDeps) {
    this.#pc = deps.createPeer({ bundlePolicy: "max-bundle" });
  }

  /** Resolves when the server has answered and the answer holds; rejects with a `RefusalError`. */
  async connect(): Promise<void> {
    const pc = this.#pc;
    const media = new MediaStream();
    pc.addTransceiver("video", { direction: "recvonly" });
    if (this.deps.audio) pc.addTransceiver("audio", { direction: "recvonly" });
    pc.ontrack = ({ track }) => {
      // One stream for both: the browser then keeps sound and picture together.
      media.addTrack(track);
      this.ontrack(media);
    };
    pc.onconnectionstatechange = () => !this.#closed && this.onstate(pc.connectionState);
    pc.onicecandidate = ({ candidate }) => {
      this.#candidates = true;
      if (!candidate) void this.#trickle();
    };
    const response = await this.#offer();
    const body = await response.text();
    if (response.status !== 201) throw new RefusalError(refusalOf(response, body));
    this.#session = new URL(response.headers.get("Location") ?? "", new URL(this.url, location.href)).href;
    this.#etag = response.headers.get("ETag") ?? "*";
    if (this.#closed) {
      void this.#end();
      return;
    }
    const servers = iceServers(response.headers.get("Link"));
    if (servers.length > 0) pc.setConfiguration({ bundlePolicy: "max-bundle", iceServers: servers });
    await pc.setRemoteDescription({ type: "answer", sdp: body });
  }

  async #offer(): Promise<Response> {
    await this.#pc.setLocalDescription();
    try {
      return await this.deps.fetch(this.url, {
        method: "POST",
        // A refusal is wanted as a document that says why, not as the server's own offer.
        headers: { "Content-Type": "application/sdp", Accept: "application/sdp, application/problem+json" },
        body: this.#pc.localDescription?.sdp ?? "",
        signal: AbortSignal.timeout(ANSWER_MS),
      });
    } catch (error) {
      throw new RefusalError(unreachable(error));
    }
  }

  /** The candidates that came after the offer, in one message: a server that is ICE-lite needs none of them early. */
  async #trickle(): Promise<void> {
    const sdp = this.#pc.localDescription?.sdp;
    if (!this.#session || !sdp || this.#closed || !this.#candidates) return;
    await this.#patch(fragmentOf(sdp), this.#etag).catch(() => null);
  }

  #patch(body: string, ifMatch: string): Promise<Response> {
    const headers = { "Content-Type": FRAGMENT, "If-Match": ifMatch };
    const signal = AbortSignal.timeout(ANSWER_MS);
    return this.deps.fetch(this.#session ?? "", { method: "PATCH", headers, body, signal });
  }

  /** Restarts ICE on the session as it is: a new path, the same keys. False where the server knows of none. */
  async restart(): Promise<boolean> {
    const pc = this.#pc;
    const remote = pc.remoteDescription?.sdp;
    if (!this.#session || !remote || this.#closed) return false;
    try {
      await pc.setLocalDescription(await pc.createOffer({ iceRestart: true }));
      const response = await this.#patch(fragmentOf(pc.localDescription?.sdp ?? ""), "*");
      if (response.status !== 200) return false;
      this.#etag = response.headers.get("ETag") ?? "*";
      await pc.setRemoteDescription({ type: "answer", sdp: merged(remote, await response.text()) });
      return true;
    } catch {
      return false;
    }
  }

  /** Tells what the viewer has use for. A server without the call sends what the network carries. */
  async layer(wish: LayerWish): Promise<void> {
    if (!this.#session || this.#closed) return;
    const body = JSON.stringify(wish);
    const headers = { "Content-Type": "application/json" };
    await this.deps.fetch(`${this.#session}/layer`, { method: "POST", headers, body }).catch(() => null);
  }

  stats(): Promise<RTCStatsReport> {
    return this.#pc.getStats();
  }

  /** Lets go of everything, also while the page goes away. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#pc.ontrack = null;
    this.#pc.onconnectionstatechange = null;
    this.#pc.onicecandidate = null;
    // First the call, then the connection: a server that hears of its end by DTLS knows no session any more.
    const close = () => this.#pc.close();
    this.deps.clock.after(CLOSE_MS, close);
    void this.#end().then(close);
  }

  async #end(): Promise<void> {
    const session = this.#session;
    this.#session = null;
    // It may have ended on the server already.
    if (session) await this.deps.fetch(session, { method: "DELETE", keepalive: true }).catch(() => null);
  }
}
