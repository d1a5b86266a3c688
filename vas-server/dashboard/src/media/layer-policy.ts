// What a tile asks for of a stream's layers, by its size on the screen.

import type { Cancel, Clock } from "./clock";
import type { LayerWish } from "./whep";

/** Change of the width from which another wish is worth a message. */
const STEP = 0.2;
/** How long a wish stands at least. */
const DWELL_MS = 2_000;
const RESIZE_MS = 100;
/** Screen pixels to a CSS pixel that are worth sending, on desktops and on phones. */
const DENSITY = { desktop: 2, phone: 1.5 };

/** A layer as the server offers it. */
export interface LayerSize {
  readonly id: string;
  readonly width: number;
  readonly height: number;
}

/** Pixels that a tile has use for. */
export function targetWidth(cssWidth: number, pixelRatio: number, isPhone: boolean): number {
  return Math.round(cssWidth * Math.min(pixelRatio, isPhone ? DENSITY.phone : DENSITY.desktop));
}

/** The smallest layer that is wide enough: at least 0.8 of the target; the largest where none is. */
export function chooseLayer(layers: readonly LayerSize[], target: number): LayerSize | null {
  const rising = [...layers].sort((a, b) => a.width - b.width);
  return rising.find(({ width }) => width >= 0.8 * target) ?? rising.at(-1) ?? null;
}

/** Turns sizes, which come at every pixel of a drag, into a few wishes. */
export class LayerPolicy {
  #sent: LayerWish | null = null;
  #sentAt = -Infinity;
  #wanted: LayerWish | null = null;
  #timer: Cancel | null = null;

  constructor(private readonly clock: Clock, private readonly send: (wish: LayerWish) => void) {}

  /** The tile's size in pixels worth sending, and whether it is to be sent nothing for now. */
  update(width: number, height: number, paused: boolean): void {
    this.#wanted = { max_width: Math.max(1, Math.ceil(width)), max_height: Math.max(1, Math.ceil(height)), paused };
    this.#timer?.();
    this.#timer = null;
    const sent = this.#sent;
    if (!sent || sent.paused !== paused) return this.#settle();
    if (Math.abs(width - sent.max_width) <= STEP * sent.max_width) return;
    const dwell = this.#sentAt + DWELL_MS - this.clock.now();
    this.#timer = this.clock.after(Math.max(RESIZE_MS, dwell), () => this.#settle());
  }

  close(): void {
    this.#timer?.();
    this.#timer = null;
  }

  #settle(): void {
    this.#timer = null;
    if (!this.#wanted) return;
    this.#sent = this.#wanted;
    this.#sentAt = this.clock.now();
    this.send(this.#wanted);
  }
}
