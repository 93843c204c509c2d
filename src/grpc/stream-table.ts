/**
 * A Map from numbers that leaves nothing behind for the collector of garbage. V8 replaces the table behind a Map that entries
 * come to and go from, again and again, and lets each old table point to the next one. Where one has grown old, every later
 * one is kept until the next full collection, with all that stood in it.
 */
export class StreamTable<Value> extends Map<number, Value> {
  readonly #values: Record<number, Value> = Object.create(null);
  #size = 0;

  override get size(): number {
    return this.#size;
  }

  override has(key: number): boolean {
    return key in this.#values;
  }

  override get(key: number): Value | undefined {
    return this.#values[key];
  }

  override set(key: number, value: Value): this {
    if (!this.has(key)) this.#size += 1;
    this.#values[key] = value;
    return this;
  }

  override delete(key: number): boolean {
    if (!this.has(key)) return false;
    this.#size -= 1;
    return delete this.#values[key];
  }

  override clear(): void {
    for (const key of this.keys()) this.delete(key);
  }

  override *entries(): MapIterator<[number, Value]> {
    for (const key of Object.keys(this.#values).map(Number)) {
      const value = this.#values[key];
      if (this.has(key)) yield [key, value as Value];
    }
  }

  override *keys(): MapIterator<number> {
    for (const [key] of this.entries()) yield key;
  }

  override *values(): MapIterator<Value> {
    for (const [, value] of this.entries()) yield value;
  }

  override [Symbol.iterator](): MapIterator<[number, Value]> {
    return this.entries();
  }

  override forEach(take: (value: Value, key: number, map: Map<number, Value>) => void, self?: unknown): void {
    for (const [key, value] of this.entries()) take.call(self, value, key, this);
  }
}
