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
  #running: Promise<void> | undefined;

  /** `commit` MUST NOT reject: it reports the result to each item's owner. */
  constructor(commit: (group: readonly Item[]) => Promise<void>) {
    this.#commit = commit;
  }

  add(item: Item): void {
    this.#waiting.push(item);
    this.#running ??= this.#run();
  }

  /** Resolves when nothing waits and nothing is being committed. */
  async idle(): Promise<void> {
    await this.#running;
  }

  async #run(): Promise<void> {
    while (this.#waiting.length > 0) {
      await endOfTurn();
      await this.#commit(this.#waiting.splice(0, GROUP_LIMIT));
    }
    this.#running = undefined;
  }
}

function endOfTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
