/** Counts what is open of each key, such as the calls of a caller. */
export interface AtOnce {
  /** Opens one, unless the key has `most` open. Returns the function that closes it, which may be called again. */
  open(key: string, most: number): (() => void) | undefined;
  /** How many keys have something open. */
  readonly size: number;
}

export function createAtOnce(): AtOnce {
  const counts = new Map<string, number>();

  return {
    open(key, most) {
      const count = counts.get(key) ?? 0;
      if (count >= most) return undefined;
      counts.set(key, count + 1);
      let isOpen = true;
      return () => {
        if (!isOpen) return;
        isOpen = false;
        const left = (counts.get(key) ?? 1) - 1;
        if (left === 0) counts.delete(key);
        else counts.set(key, left);
      };
    },
    get size() {
      return counts.size;
    },
  };
}
