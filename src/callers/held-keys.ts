import { createQueue } from "../async/queue.ts";
import { type ImportKey, type IssuerKeys, IssuerKeysError } from "./issuer-keys.ts";
import { isSameSet, type KeyRules, type KeySet, readJwks } from "./jwks.ts";

/** The keys of the last good document: of a file, of a stream, or of the last answer of an issuer. */
export interface HeldKeys extends IssuerKeys {
  /** Rejects with an {@link IssuerKeysError} for a document that can't be used: the keys before it stay in use. */
  replace(document: Buffer): Promise<void>;
}

/** Holds no key yet. `onChange` gets each set that differs from the one before. */
export function createHeldKeys(rules: KeyRules, importKey: ImportKey, onChange: (set: KeySet) => void): HeldKeys {
  let current: KeySet = { keys: new Map(), refused: [] };
  // A document that was sent later must not be overtaken by one before it.
  const queue = createQueue();

  async function use(document: Buffer): Promise<void> {
    const set = await readJwks(document, rules, importKey, current.keys);
    if (set.keys.size === 0) throw new IssuerKeysError("NO_KEY", emptyReason(set));
    if (isSameSet(set, current)) return;
    current = set;
    onChange(set);
  }

  return {
    find: (kid) => current.keys.get(kid),
    reload: () => undefined,
    replace: (document) => queue.run(() => use(document)),
  };
}

function emptyReason({ refused: [first] }: KeySet): string {
  if (first === undefined) return "the document has no keys";
  return `the document has no key that may verify: ${first.kid === "" ? "the first" : first.kid} ${first.reason}`;
}
