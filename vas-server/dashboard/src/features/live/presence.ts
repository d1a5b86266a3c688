/** Which tiles are worth their pictures: what nobody sees is paused, then closed, and comes back over its last one. */

import type { Cancel, Clock } from "../../media/clock";

const MARGIN = "200px";
const PAUSE_MS = 3_000;
const CLOSE_MS = 10_000;
const HIDDEN_MS = 10_000;

export type Presence = "shown" | "paused" | "closed";

/** Follows one tile: whether it is in sight, and whether the page is. */
export class PresenceWatch {
  #seen = true;
  #timer: Cancel | null = null;
  readonly #stop = new AbortController();
  readonly #observer: IntersectionObserver;

  /** `kept`: it goes on in a hidden page (sound, kiosk). `covered` tiles lie behind an enlarged one. */
  constructor(
    element: HTMLElement,
    private readonly clock: Clock,
    private readonly kept: () => boolean,
    private readonly changed: (presence: Presence) => void,
  ) {
    this.#observer = new IntersectionObserver((entries) => {
      this.#seen = entries.at(-1)?.isIntersecting ?? true;
      this.#look();
    }, { rootMargin: MARGIN });
    this.#observer.observe(element);
    document.addEventListener("visibilitychange", () => this.#look(), { signal: this.#stop.signal });
  }

  #covered = false;

  /** Another tile covers this one. */
  cover(covered: boolean): void {
    if (covered === this.#covered) return;
    this.#covered = covered;
    this.#look();
  }

  close(): void {
    this.#timer?.();
    this.#observer.disconnect();
    this.#stop.abort();
  }

  #look(): void {
    this.#timer?.();
    this.#timer = null;
    const hidden = document.visibilityState === "hidden" && !this.kept();
    if (hidden) this.#timer = this.clock.after(HIDDEN_MS, () => this.changed("closed"));
    else if (this.#seen && !this.#covered) this.changed("shown");
    else if (this.#covered) this.#timer = this.clock.after(PAUSE_MS, () => this.changed("paused"));
    else {
      this.#timer = this.clock.after(PAUSE_MS, () => {
        this.changed("paused");
        this.#timer = this.clock.after(CLOSE_MS - PAUSE_MS, () => this.changed("closed"));
      });
    }
  }
}
