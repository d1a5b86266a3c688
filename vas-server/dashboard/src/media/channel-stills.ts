import type { Cancel, Clock } from "./clock";
import { type Fetch, RefusalError, refusalOf, unreachable } from "./http";
import type { Channel } from "./live-types";
import type { PictureSurface } from "./surface";

const PERIOD_MS = 1_000;
const ANSWER_MS = 5_000;
/** Failures in a row after which it is given up. */
const PATIENCE = 3;

export interface StillDeps {
  /** Where the newest picture is, for a width in pixels. */
  readonly url: (width: number) => string;
  readonly fetch: Fetch;
  readonly clock: Clock;
  readonly surface: PictureSurface;
}

/** One picture a second: the last way, for browsers and networks in which nothing else works. */
export class StillChannel implements Channel {
  readonly way = "still";
  onlost: (reason: string) => void = () => {};
  onmedia: () => void = () => {};
  #next: Cancel | null = null;
  #failures = 0;
  #pictures = 0;
  #closed = false;

  constructor(private readonly deps: StillDeps) {}

  async open(): Promise<void> {
    await this.#load();
    this.#again();
  }

  async restart(): Promise<boolean> {
    return false;
  }

  wish(): void {
    // The next still is asked for in the size of the surface anyway.
  }

  async decoded(): Promise<number | null> {
    return this.#pictures;
  }

  close(): void {
    this.#closed = true;
    this.#next?.();
  }

  #again(): void {
    if (this.#closed) return;
    this.#next = this.deps.clock.after(PERIOD_MS, async () => {
      try {
        await this.#load();
        this.#failures = 0;
      } catch (error) {
        this.#failures += 1;
        if (this.#failures >= PATIENCE && !this.#closed) {
          this.onlost(error instanceof Error ? error.message : "The pictures stopped");
          return;
        }
      }
      this.#again();
    });
  }

  async #load(): Promise<void> {
    const width = Math.max(160, this.deps.surface.root.clientWidth);
    let response: Response;
    try {
      response = await this.deps.fetch(this.deps.url(width), { signal: AbortSignal.timeout(ANSWER_MS) });
    } catch (error) {
      throw new RefusalError(unreachable(error));
    }
    if (!response.ok) throw new RefusalError(refusalOf(response, await response.text()));
    // A bitmap, and no image element: strict policies allow none but the page's own addresses for those.
    const picture = await createImageBitmap(await response.blob());
    if (!this.#closed) this.deps.surface.paint(picture);
    picture.close();
    this.#pictures += 1;
  }
}
