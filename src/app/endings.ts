/** What was begun and must be ended, in the opposite order. */
export interface Endings {
  add(ending: () => unknown): void;
  /** Ends all of it. One that fails is told and must not keep the others from ending. */
  end(): Promise<void>;
}

export function collectEndings(failed: (error: unknown) => void): Endings {
  const endings: (() => unknown)[] = [];
  return {
    add: (ending) => void endings.push(ending),
    async end() {
      for (let ending = endings.pop(); ending !== undefined; ending = endings.pop())
        await Promise.try(ending).catch(failed);
    },
  };
}
