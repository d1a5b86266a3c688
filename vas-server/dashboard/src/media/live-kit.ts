// Everything that live pictures on one page share: the queue for set-ups, the choice of a way, the watch over the
// server. Pages make one, and of it a session for each picture.

import { RtcChannel } from "./channel-webrtc";
import { StillChannel } from "./channel-stills";
import { HlsChannel } from "./channel-hls";
import { browserClock, type Clock } from "./clock";
import type { Fetch } from "./http";
import { LiveSession } from "./live-session";
import type { Channel, Way } from "./live-types";
import { SetupPool } from "./pool";
import { ServerGate } from "./server-gate";
import type { PictureSurface } from "./surface";
import { browserCapabilities, pageIsHttp2, Ways } from "./ways";
import { WhepClient } from "./whep";

const PROBE_MS = 3_000;
/** How long a probe of WebRTC may take. */
const CONNECT_MS = 8_000;

export interface KitOptions {
  readonly fetch: Fetch;
  /** Where the server is, such as `https://vas.example`; the page's own by default. */
  readonly base?: string;
  /** For callers without a cookie. */
  readonly token?: string;
  readonly clock?: Clock;
}

export interface SessionOptions {
  readonly stream: string;
  readonly surface: PictureSurface;
  readonly rank: () => number;
  /** Whether the next set-up asks for sound as well. */
  readonly audio: () => boolean;
}

const createPeer = (config: RTCConfiguration) => new RTCPeerConnection(config);

export class LiveKit {
  readonly clock: Clock;
  readonly gate: ServerGate;
  readonly ways: Ways;
  readonly sessions = new Set<LiveSession>();
  readonly #pool = new SetupPool();
  readonly #ends: (() => void)[] = [];
  #lastStream = "";

  constructor(private readonly options: KitOptions) {
    this.clock = options.clock ?? browserClock;
    this.gate = new ServerGate({
      clock: this.clock,
      probe: () => this.#answers(),
      playing: () => [...this.sessions].filter(({ snapshot }) => ["playing", "late", "stalled"].includes(snapshot.state)).length,
    });
    this.ways = new Ways(browserCapabilities(), this.clock, pageIsHttp2, () => this.#carries());
    this.#ends.push(this.ways.changes.subscribe(() => this.sessions.forEach((session) => session.reroute())));
    const online = () => {
      this.gate.hurry();
      for (const session of this.sessions) session.hurry();
    };
    addEventListener("online", online);
    this.#ends.push(() => removeEventListener("online", online));
  }

  session({ stream, surface, rank, audio }: SessionOptions): LiveSession {
    const { clock, gate, ways } = this;
    this.#lastStream = stream;
    const session = new LiveSession({
      clock, gate, ways, surface, rank, pool: this.#pool, random: Math.random,
      channel: (way) => this.#channel(way, stream, surface, audio()),
    });
    this.sessions.add(session);
    return session;
  }

  end(session: LiveSession): void {
    this.sessions.delete(session);
    session.close();
  }

  close(): void {
    for (const session of [...this.sessions]) this.end(session);
    for (const end of this.#ends) end();
  }

  #url(path: string): string {
    return `${this.options.base ?? ""}${path}`;
  }

  #channel(way: Way, stream: string, surface: PictureSurface, audio: boolean): Channel {
    const { clock } = this;
    const { fetch } = this.options;
    switch (way) {
      case "webrtc":
        return new RtcChannel({ url: this.#url(`/v2/streams/${stream}/whep`), fetch, clock, surface, createPeer, audio });
      case "hls":
        return new HlsChannel({
          url: this.#url(`/v2/streams/${stream}/hls/index.m3u8`), token: this.options.token ?? null, clock, surface,
          load: async () => (await import("hls.js/light")).default,
        });
      case "still":
        return new StillChannel({
          url: (width) => this.#url(`/v2/streams/${stream}/still.jpg?width=${String(width)}`), fetch, clock, surface,
        });
    }
  }

  async #answers(): Promise<boolean> {
    const response = await this.options.fetch(this.#url("/health"), { signal: AbortSignal.timeout(PROBE_MS), cache: "no-store" });
    return response.ok;
  }

  /** Whether WebRTC gets through the network by now. */
  async #carries(): Promise<boolean> {
    const { clock } = this;
    const whep = new WhepClient(this.#url(`/v2/streams/${this.#lastStream}/whep`), { fetch: this.options.fetch, clock, createPeer, audio: false });
    try {
      const connected = new Promise<boolean>((done) => {
        whep.onstate = (state) => (state === "connected" ? done(true) : state === "failed" && done(false));
        clock.after(CONNECT_MS, () => done(false));
      });
      await whep.connect();
      return await connected;
    } finally {
      whep.close();
    }
  }
}
