import type { Draft } from "./draft.ts";
import type { SigningKey, TokenKeys } from "./keys.ts";
import { Problem } from "./problem.ts";

/**
 * The key that signs a draft now.
 *
 * @throws Problem NO_SIGNING_KEY, KEY_NOT_IMPORTED, or TTL_BEYOND_KEY when the token would outlive a rotating key.
 */
export function signerFor(draft: Draft, keys: TokenKeys): SigningKey {
  const { keys: source, tenant } = draft.profile;
  const key = keys.signer(draft.now);
  if (key === undefined) throw source.kind === "imported" ? notImported(tenant !== undefined) : noSigningKey();
  if (source.kind === "keyset") refuseBeyond(key.verifyUntil, draft);
  return key;
}

/** A key made under an earlier configuration keeps its times; a longer life than it was made for must wait for the next. */
function refuseBeyond(verifyUntil: number, { profile, issuedAt, expiresAt }: Draft): void {
  const { leeway, maxAge } = profile.lifetime;
  const end = expiresAt ?? issuedAt + (maxAge ?? 0);
  if ((end + leeway) * 1000 <= verifyUntil) return;
  const seconds = Math.floor(verifyUntil / 1000) - leeway - issuedAt;
  throw new Problem(
    "TTL_BEYOND_KEY",
    `the key that signs now allows at most ${seconds} seconds: ask for a shorter ttl`,
  );
}

function notImported(perTenant: boolean): Problem {
  return new Problem("KEY_NOT_IMPORTED", `no secret was imported for this profile${perTenant ? " and tenant" : ""}`);
}

/** No key of a keyset may sign now: a moment later one may. */
export function noSigningKey(): Problem {
  return new Problem("NO_SIGNING_KEY", "no key may sign now", { retryAfterMs: 1_000 });
}
