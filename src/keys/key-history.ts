import type { AuditLog } from "../audit/event.ts";
import type { SecretOwner } from "./imported/secret.ts";
import type { Algorithm, PublicJwk } from "./model.ts";

/** The keyset of a rotating key, or the profile and tenant of an imported one. */
export type KeyOwner = { readonly keyset: string } | SecretOwner;

/** A key that may sign, as the log keeps it. */
export interface PublishedKey {
  readonly kid: string;
  readonly alg: Algorithm;
  /** Undefined: a symmetric key, which has no public key. */
  readonly publicJwk: PublicJwk | undefined;
  /** Unix milliseconds. Undefined: a standby. */
  readonly signFrom: number | undefined;
}

/**
 * Writes the event of a public key, so that what the key signs can be checked when the key is gone. Undefined once that
 * event is durable, and for a symmetric key; until then what the promise is for MUST NOT be signed. Rejects with an
 * AuditError; the next call then tries again.
 */
export type PublishKey = (owner: KeyOwner, key: PublishedKey) => Promise<void> | undefined;

/**
 * Creates the writer of key events. A process writes that of a key once. Every process writes it, since one that was
 * killed may not have: readers keep the first event of a key. `now` in Unix milliseconds.
 */
export function createKeyHistory(audit: AuditLog, now: () => number): PublishKey {
  // It is asked for each token: a key that is known costs one look.
  const durable = new WeakSet<PublishedKey>();
  const events = new Map<string, Promise<void>>();

  return (owner, key) => {
    if (key.publicJwk === undefined || durable.has(key)) return undefined;
    return publishOnce(owner, key).then(() => void durable.add(key));
  };

  function publishOnce(owner: KeyOwner, { kid, alg, publicJwk, signFrom }: PublishedKey): Promise<void> {
    const jwk = { ...publicJwk, use: "sig", alg, kid };
    const { keyset, profile, tenant } = { keyset: "", profile: "", tenant: "", ...owner };
    // By its JWK too: a kid of the operator may come again, with another key, after an import that was not stored.
    const id = JSON.stringify([keyset, profile, tenant, jwk]);
    const known = events.get(id);
    if (known !== undefined) return known;
    const event = { type: "key.published", keyset, profile, tenant, keyId: kid, algorithm: alg } as const;
    const written = audit.append({ ...event, jwk, signsFrom: signFrom }, now());
    events.set(id, written);
    written.catch(() => events.delete(id));
    return written;
  }
}
