/** The most items of one group: encoding more would hold up the event loop for milliseconds. */
const GROUP_LIMIT = 256;

/**
 * Gathers items while a group is being committed; then they are the next group, with what else arrives in that turn of
 * the event loop: the callers that were just answered often come back in it, and one sync serves them all.
 */
export class GroupCommit<Item> {
  readonly #commit: (group: readonly Item[]) => Promise<void>;
  #waiting: Item[] = [];
  #running: Promise<void> | undefined;

  /** `commit` MUST NOT reject: it tells each item's owner how the item fared. */
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
