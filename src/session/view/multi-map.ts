/** Sets of items by a text. Most texts have one item, which then takes no set. */
export class MultiMap<Item extends object> {
  readonly #items = new Map<string, Item | Set<Item>>();

  add(key: string, item: Item): void {
    const found = this.#items.get(key);
    if (found === undefined) this.#items.set(key, item);
    else if (found instanceof Set) found.add(item);
    else if (found !== item) this.#items.set(key, new Set([found, item]));
  }

  remove(key: string, item: Item): void {
    const found = this.#items.get(key);
    if (found instanceof Set && found.size > 1) found.delete(item);
    else if (found === item || (found instanceof Set && found.has(item))) this.#items.delete(key);
  }

  *of(key: string): Generator<Item> {
    const found = this.#items.get(key);
    if (found instanceof Set) yield* found;
    else if (found !== undefined) yield found;
  }

  keys(): Iterable<string> {
    return this.#items.keys();
  }
}
