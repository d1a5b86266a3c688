// The elements that show a picture: a video, a still for where there is no video, and the last picture kept.
//
// Styles are set through the CSSOM, so that a strict Content Security Policy allows them in any page.

import type { Cancel } from "./clock";
import type { Surface, Way } from "./live-types";

/** RTP ticks between two pictures from which the second is no longer of the first, compressed group: 10 ms. */
const LIVE_TICKS = 900;
/** Longest time that pictures are held back for reaching the live edge. */
const LIVE_EDGE_MS = 500;

const FILL: Partial<CSSStyleDeclaration> = {
  position: "absolute", insetBlockStart: "0", insetInlineStart: "0", inlineSize: "100%", blockSize: "100%",
  objectFit: "inherit", display: "block",
};

function hide(element: HTMLElement, hidden: boolean): void {
  element.style.visibility = hidden ? "hidden" : "visible";
}

export class PictureSurface implements Surface {
  /** What a page puts where it wants the picture; it inherits `object-fit`. */
  readonly root = document.createElement("div");
  readonly video = document.createElement("video");
  readonly #poster = document.createElement("img");
  /** The last picture of a video, or the newest still. */
  readonly #canvas = document.createElement("canvas");
  #revealed: Way | null = null;
  #painted = false;
  readonly #stills = new Set<() => void>();

  constructor() {
    Object.assign(this.root.style, { ...FILL, overflow: "hidden" });
    for (const element of [this.#poster, this.#canvas, this.video]) {
      Object.assign(element.style, FILL);
      hide(element, true);
      this.root.append(element);
    }
    // Browsers start a muted video by themselves.
    Object.assign(this.video, { muted: true, playsInline: true, autoplay: true, disableRemotePlayback: true });
    this.#poster.alt = "";
  }

  /** A picture to look at until the video shows its first. */
  poster(url: string): void {
    if (this.#revealed || this.#painted) return;
    this.#poster.src = url;
    hide(this.#poster, false);
  }

  /** Shows a still picture. */
  paint(picture: ImageBitmap): void {
    this.#draw(picture, picture.width, picture.height);
    for (const seen of [...this.#stills]) seen();
  }

  #draw(picture: CanvasImageSource, width: number, height: number): void {
    if (this.#canvas.width !== width || this.#canvas.height !== height) {
      this.#canvas.width = width;
      this.#canvas.height = height;
    }
    this.#canvas.getContext("2d")?.drawImage(picture, 0, 0);
    this.#painted = true;
  }

  presents(): boolean {
    return document.visibilityState === "visible" && "requestVideoFrameCallback" in this.video;
  }

  /**
   * The first pictures after an attachment are those of the group that the server sent at once, faster than they were
   * taken: they are passed over until one is as far from the one before as the camera took it.
   */
  nextPicture(seen: () => void): Cancel {
    let ended = false;
    let first: { now: number; rtp: number } | null = null;
    const still = () => finish();
    const finish = () => {
      if (ended) return;
      end();
      seen();
    };
    const presented = (now: number, { rtpTimestamp }: VideoFrameCallbackMetadata) => {
      if (ended) return;
      if (this.#revealed || rtpTimestamp === undefined) return finish();
      first ??= { now, rtp: rtpTimestamp };
      const step = (rtpTimestamp - first.rtp) >>> 0;
      first.rtp = rtpTimestamp;
      if (step > LIVE_TICKS || now - first.now > LIVE_EDGE_MS) return finish();
      handle = this.video.requestVideoFrameCallback(presented);
    };
    let handle = 0;
    if ("requestVideoFrameCallback" in this.video) handle = this.video.requestVideoFrameCallback(presented);
    this.#stills.add(still);
    const end = () => {
      ended = true;
      this.#stills.delete(still);
      if ("cancelVideoFrameCallback" in this.video) this.video.cancelVideoFrameCallback(handle);
    };
    return end;
  }

  reveal(way: Way): void {
    this.#revealed = way;
    hide(this.video, way === "still");
    hide(this.#canvas, way !== "still");
    hide(this.#poster, true);
  }

  freeze(): void {
    const { video } = this;
    if (this.#revealed && this.#revealed !== "still" && video.videoWidth > 0) this.#draw(video, video.videoWidth, video.videoHeight);
    this.#revealed = null;
    hide(video, true);
    hide(this.#canvas, !this.#painted);
  }

  /** Shows a WebRTC stream; pictures stay hidden until `reveal`. */
  attach(stream: MediaStream): void {
    if (this.video.srcObject !== stream) this.video.srcObject = stream;
    // Where a browser does not start it, the next tap does.
    this.video.play().catch(() => null);
  }

  detach(): void {
    this.video.srcObject = null;
    this.video.removeAttribute("src");
  }

  destroy(): void {
    this.detach();
    this.root.remove();
  }
}
