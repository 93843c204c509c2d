import { subjectHasher } from "../audit/subject-hash.ts";
import { deriveKey, type Kek, type Keks } from "../jose/kek.ts";
import type { Log } from "../log.ts";
import { openRevocations, type Revocations } from "../revoke/revocations.ts";
import type { SubjectHasher, SubjectHashers } from "../revoke/subject-hasher.ts";
import type { SharedState } from "./shared-state.ts";

/** The keyed hashes of subjects, for events and revocations alike: under the KEK, and under the one before it. */
export function subjectHashersOf([current, ...previous]: Keks): SubjectHashers {
  return [hasherOf(current), ...previous.map(hasherOf)];
}

function hasherOf(kek: Kek): SubjectHasher {
  return { keyId: kek.id, hash: subjectHasher(deriveKey(kek, "audit subject").export()) };
}

/** What was taken back, as this replica knows it, also before the store is in reach. */
export async function openRevocationView(
  state: Pick<SharedState, "store" | "ageMs" | "revocations" | "lastHeard">,
  hashers: SubjectHashers,
  now: () => number,
  log: Log,
): Promise<Revocations> {
  const problem = (error: unknown) => log("error", { event: "revocations.failed", error });
  const kept = await state.revocations?.load();
  // A death may come before it was noted when the store was heard of: then the view is as old as can be, and still counts.
  const snapshot = kept === undefined ? {} : { snapshot: { asOf: state.lastHeard ?? 0, revocations: kept } };
  return openRevocations({ store: state.store, hashers, now, contactAgeMs: state.ageMs, problem, ...snapshot });
}
