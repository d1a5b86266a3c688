// Keeps several recorded cameras at one moment: the main one leads, the others follow.

import type { Cancel, Clock } from "./clock";

/** Error that nobody sees. */
export const IN_SYNC_MS = 40;
/** Error up to which a follower is sped up or slowed down; beyond, it seeks. */
const RATE_MS = 500;
const MOST = 0.1;
const TICK_MS = 200;
/** A seek takes its time; the next correction waits for it. */
const SETTLE_MS = 1_500;

/** What a camera is asked to do, by how far it is ahead of the main one (negative: behind), in milliseconds. */
export type Correction = { readonly kind: "none" } | { readonly kind: "rate"; readonly factor: number } | { readonly kind: "seek" };

export function correct(error: number): Correction {
  const size = Math.abs(error);
  if (size <= IN_SYNC_MS) return { kind: "none" };
  if (size > RATE_MS) return { kind: "seek" };
  return { kind: "rate", factor: 1 - Math.sign(error) * Math.min(MOST, size / 1_000) };
}

/** What the clock needs of a player. */
export interface Synced {
  readonly time: number;
  readonly ready: boolean;
  seek(at: number): void;
  play(): void;
  pause(): void;
  setRate(rate: number): void;
  nudge(rate: number): void;
}

export class SyncClock {
  #main: Synced | null = null;
  readonly #followers = new Map<Synced, { seekAt: number; error: number | null }>();
  #playing = false;
  #rate = 1;
  readonly #stop: Cancel;

  constructor(private readonly clock: Clock) {
    this.#stop = clock.every(TICK_MS, () => this.#tick());
  }

  setMain(player: Synced): void {
    const before = this.#main;
    this.#followers.delete(player);
    this.#main = player;
    if (before) this.add(before);
  }

  add(player: Synced): void {
    if (player !== this.#main) this.#followers.set(player, { seekAt: -Infinity, error: null });
  }

  remove(player: Synced): void {
    this.#followers.delete(player);
    if (this.#main === player) this.#main = null;
  }

  /** The moment that all are to show, in milliseconds since 1970. */
  get time(): number | null {
    return this.#main?.time ?? null;
  }

  /** The largest error among cameras that have a picture; null where there are none. */
  get spread(): number | null {
    const errors = [...this.#followers.values()].flatMap(({ error }) => (error === null ? [] : [Math.abs(error)]));
    return errors.length > 0 ? Math.max(...errors) : null;
  }

  play(): void {
    this.#playing = true;
    this.#each((player) => player.play());
  }

  pause(): void {
    this.#playing = false;
    this.#each((player) => player.pause());
    const at = this.time;
    if (at !== null) for (const player of this.#followers.keys()) player.seek(at);
  }

  seek(at: number): void {
    const now = this.clock.now();
    this.#main?.seek(at);
    for (const [player, state] of this.#followers) {
      state.seekAt = now;
      player.seek(at);
    }
  }

  setRate(rate: number): void {
    this.#rate = rate;
    this.#each((player) => player.setRate(rate));
  }

  close(): void {
    this.#stop();
  }

  #each(run: (player: Synced) => void): void {
    if (this.#main) run(this.#main);
    for (const player of this.#followers.keys()) run(player);
  }

  #tick(): void {
    const main = this.#main;
    if (!main) return;
    const now = this.clock.now();
    if (!this.#playing) return this.#align(main, now);
    for (const [player, state] of this.#followers) {
      if (!main.ready) {
        // The clock stands while the main camera waits for its media.
        player.pause();
        continue;
      }
      player.play();
      if (!player.ready) {
        state.error = null;
        if (now - state.seekAt > SETTLE_MS) this.#seek(player, state, main.time);
        continue;
      }
      state.error = player.time - main.time;
      const correction = correct(state.error);
      if (correction.kind === "none") player.nudge(this.#rate);
      else if (correction.kind === "rate") player.nudge(this.#rate * correction.factor);
      else if (now - state.seekAt > SETTLE_MS) this.#seek(player, state, main.time);
    }
  }

  /** While all stand still the others show the main one's moment, wherever it has been sent. */
  #align(main: Synced, now: number): void {
    if (!main.ready) return;
    for (const [player, state] of this.#followers) {
      state.error = player.ready ? player.time - main.time : null;
      if ((state.error === null || Math.abs(state.error) > IN_SYNC_MS) && now - state.seekAt > SETTLE_MS) this.#seek(player, state, main.time);
    }
  }

  #seek(player: Synced, state: { seekAt: number }, at: number): void {
    state.seekAt = this.clock.now();
    player.seek(at);
  }
}
