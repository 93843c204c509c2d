/** The most items of one group: encoding more would block the event loop for milliseconds. */
const GROUP_LIMIT = 256;

/**
 * Commits items in groups, one group at a time. Items that arrive during a commit form the next group, together with
 * the items of the following turn of the event loop: callers that were just answered often append again in that turn,
 * and one sync then serves them all.
 */
export class GroupCommit<Item> {
  readonly #commit: (group: readonly Item[]) => Promise<void>;
  #waiting: Item[] = [];
  #tasks: (() => Promise<void>)[] = [];
  #running: Promise<void> | undefined;

  /** `commit` MUST NOT reject: it reports the result to each item's owner. */
  constructor(commit: (group: readonly Item[]) => Promise<void>) {
    this.#commit = commit;
  }

  add(item: Item): void {
    this.#waiting.push(item);
    this.#running ??= this.#run();
  }

  /** Runs the task between two groups, after at most one that waits. It MUST NOT reject. */
  between(task: () => Promise<void>): void {
    this.#tasks.push(task);
    this.#running ??= this.#run();
  }

  /** Resolves when nothing waits and nothing is being committed. */
  async idle(): Promise<void> {
    await this.#running;
  }

  async #run(): Promise<void> {
    while (this.#waiting.length > 0 || this.#tasks.length > 0) {
      await endOfTurn();
      if (this.#waiting.length > 0) await this.#commit(this.#waiting.splice(0, GROUP_LIMIT));
      for (const task of this.#tasks.splice(0)) await task();
    }
    this.#running = undefined;
  }
}

function endOfTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
