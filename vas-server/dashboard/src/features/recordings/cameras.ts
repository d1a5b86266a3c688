/** One camera of the player: its live picture and its recorded one, in one element that can be put anywhere. */

import { mediaFetch } from "../../api/media";
import { browserClock } from "../../media/clock";
import type { LiveKit } from "../../media/live-kit";
import type { LiveSession } from "../../media/live-session";
import { RecordedIndex } from "../../media/recorded-index";
import { RecordedPlayer } from "../../media/recorded-player";
import { PictureSurface } from "../../media/surface";

function iso(ms: number): string {
  return new Date(ms).toISOString();
}

/** Fills its frame, one above the other. */
function fill(element: HTMLElement): void {
  Object.assign(element.style, {
    position: "absolute", insetBlockStart: "0", insetInlineStart: "0", inlineSize: "100%", blockSize: "100%", objectFit: "inherit",
  });
}

export class Camera {
  readonly root = document.createElement("div");
  /** A storyboard's picture while the time is being chosen. */
  readonly preview = document.createElement("canvas");
  readonly surface = new PictureSurface();
  readonly session: LiveSession;
  recorded: RecordedPlayer | null = null;
  readonly #video = document.createElement("video");

  constructor(readonly id: string, private readonly kit: LiveKit) {
    fill(this.root);
    fill(this.#video);
    fill(this.preview);
    Object.assign(this.#video, { muted: true, playsInline: true, disableRemotePlayback: true });
    this.#video.style.visibility = this.preview.style.visibility = "hidden";
    this.root.append(this.surface.root, this.#video, this.preview);
    this.session = kit.session({ stream: id, surface: this.surface, rank: () => 0, audio: () => false });
  }

  get video(): HTMLVideoElement {
    return this.#video;
  }

  /** Live pictures; what was recorded is let go. */
  live(): void {
    this.recorded?.close();
    this.recorded = null;
    this.#video.style.visibility = "hidden";
    this.surface.root.style.visibility = "visible";
    this.session.start();
  }

  /** Recorded pictures. `jumps`: breaks are passed over. */
  record(jumps: boolean): RecordedPlayer {
    if (this.recorded) return this.recorded;
    this.session.suspend();
    this.recorded = new RecordedPlayer({
      video: this.#video, fetch: mediaFetch, clock: browserClock, jumps,
      index: new RecordedIndex({
        playlist: (start, end) => `/v2/streams/${this.id}/playback.m3u8?start=${iso(start)}&end=${iso(end)}`,
        ranges: (start, end) => `/v2/streams/${this.id}/recordings?start=${iso(start)}&end=${iso(end)}`,
        fetch: mediaFetch,
        clock: browserClock,
      }),
    });
    this.#video.style.visibility = "visible";
    // The last live picture stays in sight until the first recorded one covers it.
    return this.recorded;
  }

  /** The element was put elsewhere: browsers stop a video that is moved. */
  moved(): void {
    if (!this.recorded) void this.surface.video.play().catch(() => null);
  }

  close(): void {
    this.recorded?.close();
    this.kit.end(this.session);
    this.surface.destroy();
    this.root.remove();
  }
}
