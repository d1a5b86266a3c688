// Tells a server that has gone from a camera that has: then one banner says so and one probe looks for it, instead of
// every tile by itself.

import type { Clock } from "./clock";
import { Emitter } from "./emitter";
import type { Gate } from "./live-types";

/** Tiles that stop within this time have stopped together. */
const TOGETHER_MS = 3_000;
const PROBE_S = [1, 2, 4, 8];

export interface GateDeps {
  readonly clock: Clock;
  /** Whether the server answers. */
  readonly probe: () => Promise<boolean>;
  /** Sessions that play, or did until now. */
  readonly playing: () => number;
}

export class ServerGate implements Gate {
  readonly changes = new Emitter<boolean>();
  #lost = false;
  #probing = false;
  #attempts = 0;
  #stalled = new Map<object, number>();

  constructor(private readonly deps: GateDeps) {}

  get lost(): boolean {
    return this.#lost;
  }

  stalled(session: object): void {
    const now = this.deps.clock.now();
    this.#stalled.set(session, now);
    for (const [other, at] of this.#stalled) if (now - at > TOGETHER_MS) this.#stalled.delete(other);
    if (this.#stalled.size >= this.deps.playing()) this.suspect();
  }

  suspect(): void {
    if (!this.#probing && !this.#lost) void this.#probe();
  }

  /** Looks now: the network says that it is back. */
  hurry(): void {
    if (this.#lost && !this.#probing) void this.#probe();
  }

  async #probe(): Promise<void> {
    this.#probing = true;
    const answers = await this.deps.probe().catch(() => false);
    this.#probing = false;
    if (answers) {
      this.#attempts = 0;
      this.#stalled.clear();
      this.#set(false);
      return;
    }
    this.#set(true);
    const seconds = PROBE_S[Math.min(this.#attempts, PROBE_S.length - 1)] ?? 8;
    this.#attempts += 1;
    this.deps.clock.after(seconds * 1_000, () => this.hurry());
  }

  #set(lost: boolean): void {
    if (lost === this.#lost) return;
    this.#lost = lost;
    this.changes.emit(lost);
  }
}
