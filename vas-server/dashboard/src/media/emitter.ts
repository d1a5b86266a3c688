/** Who wants to know of changes. A listener that throws is reported and holds up no other. */
export class Emitter<T> {
  readonly #listeners = new Set<(value: T) => void>();

  /** Returns what ends the subscription. */
  subscribe(listener: (value: T) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  emit(value: T): void {
    for (const listener of [...this.#listeners]) {
      try {
        listener(value);
      } catch (error) {
        reportError(error);
      }
    }
  }
}
