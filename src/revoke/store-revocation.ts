import type { KeyValue } from "../state/keyvalue.ts";
import { covers, encodeRevocation, joined, parseRevocation, placeOf, type Revocation } from "./revocation.ts";

/** The same revocation again changes nothing in the store, unless it reaches further. Throws a StateError. */
export async function storeRevocation(store: KeyValue, revocation: Revocation): Promise<void> {
  const place = placeOf(revocation);
  for (;;) {
    const options = { expiresAt: revocation.until };
    if ((await store.create(place, encodeRevocation(revocation), options)) !== undefined) return;
    const entry = await store.get(place);
    if (entry === undefined) continue;
    const stored = parseRevocation(entry);
    if (stored !== undefined && covers(stored, revocation)) return;
    const next = stored === undefined ? revocation : joined(revocation, stored);
    const value = encodeRevocation(next);
    if ((await store.update(place, value, entry.revision, { expiresAt: next.until })) !== undefined) return;
  }
}
