/** Pointers and the wheel on the timeline, turned into what they mean. Knows neither elements nor the canvas. */

import type { Cancel, Clock } from "../media/clock";
import { type Clip, snapped, timeAt, type View, withEnd, xOf, zoomed } from "./model";

/** A place on the timeline, in CSS pixels from its top left corner. */
export interface Place {
  readonly x: number;
  readonly y: number;
}

export interface Pointer extends Place {
  readonly id: number;
  readonly shift: boolean;
  readonly touch: boolean;
}

/** What the gestures act on. */
export interface InputTarget {
  view(): View;
  setView(view: View): void;
  pan(dx: number): void;
  /** Where the playhead is; null while it is at the live edge. */
  head(): number | null;
  clip(): Clip | null;
  setClip(clip: Clip, moved: "from" | "to"): void;
  /** Shows the picture of a time: `scrubbing` while it is still being chosen. */
  seek(time: number, scrubbing: boolean): void;
  /** Centres the view on a place of the overview, given from 0 to 1. */
  overview(share: number): void;
  /** What times are drawn to. */
  targets(): Iterable<number>;
  /** The rows: whether `y` is on the overview or the ruler. */
  row(y: number): "overview" | "ruler" | "lanes";
  /** Whether the playhead stands still in the middle and the time moves: phones. */
  fixed(): boolean;
}

type Gesture =
  | { readonly kind: "press" | "pan"; readonly from: Place }
  | { readonly kind: "head" }
  | { readonly kind: "overview" }
  | { readonly kind: "clip"; readonly end: "from" | "to" }
  | { readonly kind: "new-clip"; readonly anchor: number }
  | { readonly kind: "pinch" };

/** Pixels that a click may move. */
const CLICK_PX = 4;
const GRAB_PX = 7;
/** Inertia: how fast a pan slows down, and the speed at which it ends, in pixels a millisecond. */
const SLOWDOWN_MS = 325;
const STOP_SPEED = 0.02;
const FRAME_MS = 16;
const WHEEL_ZOOM = 0.0022;

export class TimelineInput {
  #pointers = new Map<number, Pointer>();
  #gesture: Gesture | null = null;
  #speed = 0;
  #movedAt = 0;
  #glide: Cancel | null = null;

  constructor(private readonly target: InputTarget, private readonly clock: Clock) {}

  get active(): boolean {
    return this.#gesture !== null;
  }

  /** What a press at a place would take hold of, for the cursor. */
  grip(place: Place): "clip" | "head" | "time" | "overview" {
    const { target } = this;
    if (target.row(place.y) === "overview") return "overview";
    if (this.#clipEnd(place)) return "clip";
    const head = target.head();
    if (!target.fixed() && head !== null && Math.abs(xOf(target.view(), head) - place.x) <= GRAB_PX) return "head";
    return "time";
  }

  down(pointer: Pointer): void {
    this.#glide?.();
    this.#glide = null;
    this.#pointers.set(pointer.id, pointer);
    this.#speed = 0;
    this.#movedAt = this.clock.now();
    if (this.#pointers.size === 2) {
      this.#gesture = { kind: "pinch" };
      return;
    }
    const grip = this.grip(pointer);
    const end = this.#clipEnd(pointer);
    if (grip === "overview") {
      this.#gesture = { kind: "overview" };
      this.target.overview(pointer.x / this.target.view().width);
    } else if (pointer.shift) this.#gesture = { kind: "new-clip", anchor: this.#snap(timeAt(this.target.view(), pointer.x)) };
    else if (grip === "clip" && end) this.#gesture = { kind: "clip", end };
    else if (grip === "head") this.#gesture = { kind: "head" };
    else this.#gesture = { kind: "press", from: pointer };
  }

  move(pointer: Pointer): void {
    const before = this.#pointers.get(pointer.id);
    if (!before || !this.#gesture) return;
    const other = [...this.#pointers.values()].find(({ id }) => id !== pointer.id);
    this.#pointers.set(pointer.id, pointer);
    const gesture = this.#gesture;
    const time = timeAt(this.target.view(), pointer.x);
    switch (gesture.kind) {
      case "pinch":
        if (other) this.#pinch(before, pointer, other);
        break;
      case "press":
        if (Math.hypot(pointer.x - gesture.from.x, pointer.y - gesture.from.y) <= CLICK_PX) return;
        this.#gesture = { kind: "pan", from: gesture.from };
        this.#pan(pointer.x - gesture.from.x);
        break;
      case "pan":
        this.#pan(pointer.x - before.x);
        break;
      case "head":
        this.target.seek(this.#snap(time), true);
        break;
      case "overview":
        this.target.overview(pointer.x / this.target.view().width);
        break;
      case "clip": {
        const clip = this.target.clip();
        if (clip) this.target.setClip(withEnd(clip, gesture.end, this.#snap(time)), gesture.end);
        break;
      }
      case "new-clip": {
        const at = this.#snap(time);
        const end = at >= gesture.anchor ? "to" : "from";
        const clip = { from: Math.min(at, gesture.anchor), to: Math.max(at, gesture.anchor) };
        if (clip.to - clip.from >= 500) this.target.setClip(clip, end);
        break;
      }
    }
  }

  up(pointer: Pointer): void {
    const gesture = this.#gesture;
    this.#pointers.delete(pointer.id);
    if (!gesture || this.#pointers.size > 0) return;
    this.#gesture = null;
    const time = timeAt(this.target.view(), pointer.x);
    if (gesture.kind === "press") this.target.seek(this.#snap(time), false);
    else if (gesture.kind === "head") this.target.seek(this.#snap(time), false);
    else if (gesture.kind === "pan") this.#release();
  }

  cancel(id: number): void {
    this.#pointers.delete(id);
    this.#gesture = null;
  }

  /** `dx` and `dy` in pixels; `zooms` with Ctrl held, as a pinch on a touchpad has it. */
  wheel(place: Place, dx: number, dy: number, zooms: boolean): void {
    this.#glide?.();
    this.#glide = null;
    if (zooms) this.target.setView(zoomed(this.target.view(), Math.exp(dy * WHEEL_ZOOM), place.x));
    else this.target.pan(-(Math.abs(dx) > Math.abs(dy) ? dx : dy));
  }

  close(): void {
    this.#glide?.();
  }

  #snap(time: number): number {
    return snapped(this.target.view(), time, this.target.targets());
  }

  #clipEnd({ x, y }: Place): "from" | "to" | null {
    const clip = this.target.clip();
    if (!clip || this.target.row(y) === "overview") return null;
    const view = this.target.view();
    const [from, to] = [Math.abs(xOf(view, clip.from) - x), Math.abs(xOf(view, clip.to) - x)];
    if (Math.min(from, to) > GRAB_PX) return null;
    return from < to ? "from" : "to";
  }

  #pan(dx: number): void {
    const now = this.clock.now();
    const elapsed = Math.max(1, now - this.#movedAt);
    this.#movedAt = now;
    this.#speed = 0.7 * (dx / elapsed) + 0.3 * this.#speed;
    this.target.pan(dx);
    this.#follow(true);
  }

  /** On phones the playhead stands still: moving the time is choosing it. */
  #follow(scrubbing: boolean): void {
    if (!this.target.fixed()) return;
    const view = this.target.view();
    this.target.seek(view.start + view.span / 2, scrubbing);
  }

  #pinch(before: Place, now: Place, other: Place): void {
    const [was, is] = [Math.abs(before.x - other.x), Math.abs(now.x - other.x)];
    if (was < 8 || is < 8) return;
    this.target.setView(zoomed(this.target.view(), was / is, (now.x + other.x) / 2));
  }

  #release(): void {
    const rested = this.clock.now() - this.#movedAt > 80;
    if (rested || Math.abs(this.#speed) < STOP_SPEED) return this.#follow(false);
    let last = this.clock.now();
    this.#glide = this.clock.every(FRAME_MS, () => {
      const now = this.clock.now();
      this.target.pan(this.#speed * (now - last));
      this.#speed *= Math.exp(-(now - last) / SLOWDOWN_MS);
      last = now;
      const over = Math.abs(this.#speed) < STOP_SPEED;
      this.#follow(!over);
      if (!over) return;
      this.#glide?.();
      this.#glide = null;
    });
  }
}
