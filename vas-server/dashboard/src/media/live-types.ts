// What the parts of live playback know of each other.

import type { Cancel } from "./clock";
import type { Emitter } from "./emitter";
import type { LayerWish } from "./whep";

/** Where a live session is; `idle` is one that nobody looks at. */
export type LiveState =
  | "idle"
  | "queued"
  | "connecting"
  | "playing"
  | "late"
  | "stalled"
  | "reconnecting"
  | "waiting-camera"
  | "refused";

/** How pictures come: by WebRTC, by low-latency HLS, or as one still a second. */
export type Way = "webrtc" | "hls" | "still";

/** What the server says of a stream. */
export interface StreamFacts {
  /** `LIVE`, or why not: `INITIALIZING`, `READY`, `ERROR`, `STOPPED`, `CLOSED`. */
  readonly state: string;
  readonly reason: string;
  /** When the server tries the camera again, in milliseconds since 1970. */
  readonly retryAt: number | null;
  /** Another producer is another stream: sessions with the old one have ended. */
  readonly producer: string | null;
  readonly fps: number | null;
  /** Such as `H264` or `H265`. */
  readonly codec: string | null;
}

/** A session as its tile shows it; a new object with every change. */
export interface LiveSnapshot {
  readonly state: LiveState;
  readonly way: Way;
  /** The server"s or the browser"s own words; empty while there is nothing to say. */
  readonly reason: string;
  /** The code of a refusal, such as `FORBIDDEN`. */
  readonly code: string;
  /** Failed attempts since it last played steadily. */
  readonly attempt: number;
  /** Milliseconds since 1970 at which it is tried again by itself. */
  readonly retryAt: number | null;
  /** When it entered this state, and when the last picture was seen; milliseconds since 1970. */
  readonly since: number;
  readonly lastFrameAt: number | null;
}

/** One attempt at pictures in one way. */
export interface Channel {
  readonly way: Way;
  /** Resolves when it is set up, before the first picture; rejects with a `RefusalError`. */
  open(): Promise<void>;
  /** Tries another path for the same session; false where there is no such thing. */
  restart(): Promise<boolean>;
  wish(layer: LayerWish): void;
  /** Pictures decoded so far, for when the page is hidden and none is presented; null where nothing counts them. */
  decoded(): Promise<number | null>;
  close(): void;
  /** The session is lost for the reason given. */
  onlost: (reason: string) => void;
  /** The stream"s media can"t be played by this way. */
  onmedia: () => void;
}

/** Where pictures are shown. */
export interface Surface {
  /** Calls back with the next picture that is presented at the live edge; asked for again after each. */
  nextPicture(seen: () => void): Cancel;
  /** Whether pictures are presented, and `nextPicture` ever calls back: not in a hidden page. */
  presents(): boolean;
  /** Lets the pictures of this way be seen. */
  reveal(way: Way): void;
  /** Keeps the last picture in sight while there is no other. */
  freeze(): void;
}

/** Who decides in which way a stream is played; see `Ways`. */
export interface WayChooser {
  choose(session: object, codec: string | null): Way;
  /** The first picture did not come although the camera is live. */
  missed(session: object): void;
  /** It came by WebRTC. */
  arrived(session: object): void;
  /** This way can"t play the stream"s media. */
  unplayable(session: object, way: Way): void;
  forget(session: object): void;
}

/** Who notices that it is the server that has gone, and not one camera. */
export interface Gate {
  readonly lost: boolean;
  readonly changes: Emitter<boolean>;
  stalled(session: object): void;
  /** A request got no answer at all. */
  suspect(): void;
}
