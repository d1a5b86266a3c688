/** Set-ups that go on at the same time: more would make all of them slow, and the first picture late. */
export const MAX_SETUPS = 4;

/** Given back when a set-up is over, however it ended; giving it back again does nothing. */
export type Release = () => void;

interface Waiting {
  readonly rank: () => number;
  readonly order: number;
  readonly begin: (release: Release) => void;
}

/** Lets a few set-ups begin at a time, the selected tile's first, then in reading order. */
export class SetupPool {
  readonly #waiting = new Set<Waiting>();
  #running = 0;
  #order = 0;

  constructor(readonly limit = MAX_SETUPS) {}

  /**
   * Calls `begin` when it is its turn, perhaps at once. `rank` is asked anew at every turn, the lowest goes first.
   * What is returned gives the place up before its turn.
   */
  request(rank: () => number, begin: (release: Release) => void): () => void {
    const waiting: Waiting = { rank, order: this.#order++, begin };
    this.#waiting.add(waiting);
    this.#next();
    return () => this.#waiting.delete(waiting);
  }

  get running(): number {
    return this.#running;
  }

  #next(): void {
    while (this.#running < this.limit && this.#waiting.size > 0) {
      const [first] = [...this.#waiting].sort((a, b) => a.rank() - b.rank() || a.order - b.order);
      if (!first) return;
      this.#waiting.delete(first);
      this.#running += 1;
      let over = false;
      first.begin(() => {
        if (over) return;
        over = true;
        this.#running -= 1;
        this.#next();
      });
    }
  }
}
