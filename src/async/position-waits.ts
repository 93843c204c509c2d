interface Wait {
  readonly position: number;
  readonly resolve: () => void;
}

/** Who waits until a number that only rises is reached. */
export class PositionWaits {
  #waits: Wait[] = [];

  /** Resolves when `position` is reached. `current`: what is reached already. */
  wait(position: number, current: number): Promise<void> {
    if (position <= current) return Promise.resolve();
    return new Promise((resolve) => this.#waits.push({ position, resolve }));
  }

  reached(position: number): void {
    if (this.#waits.length === 0) return;
    const waits = this.#waits;
    this.#waits = waits.filter((wait) => wait.position > position);
    for (const wait of waits) if (wait.position <= position) wait.resolve();
  }
}
