import type { Profile } from "../profile/model/profile.ts";
import { reject, type Step } from "../token/rejection.ts";
import type { VerifyAnswer, VerifyToken } from "../token/verify/verify-token.ts";
import { nameOf, type Unverified } from "./credential.ts";
import type { Proven } from "./identify.ts";

/** How tokens of Signet itself are verified. */
export interface OwnTokens {
  /** The profiles in use. */
  readonly profiles: () => ReadonlyMap<string, Profile>;
  readonly verify: VerifyToken;
}

/** The profile whose credential a token claims to be; undefined: it is no token of Signet that proves callers. */
export function ownProfileOf(
  { header, registered }: Unverified,
  profiles: ReadonlyMap<string, Profile>,
): Profile | undefined {
  for (const profile of profiles.values())
    if (
      profile.credential !== undefined &&
      profile.issuer === registered.iss &&
      profile.header.types.accepts(header.typ)
    )
      return profile;
  return undefined;
}

/**
 * Verifies a token of the profile as VerifyToken does, with rules and revocations, and names its subject
 * `signet:PROFILE:SUBJECT`. Throws or rejects with the {@link Problem} KEYS_UNAVAILABLE.
 */
export function proveOwn(token: string, profile: Profile, verify: VerifyToken): Step<Proven> | Promise<Step<Proven>> {
  const answer = verify({
    profile: profile.name,
    credential: { $case: "token", value: token },
    tenant: "",
    audience: profile.credential?.audience ?? "",
    context: undefined,
    at: undefined,
  });
  return answer instanceof Promise ? answer.then(proven) : proven(answer);
}

function proven({ profile, verdict }: VerifyAnswer): Step<Proven> {
  if (!verdict.valid) return { rejection: verdict.rejection };
  // The profiles may have been reloaded since it was chosen.
  if (profile.credential === undefined) return reject("TYPE_MISMATCH", "the profile's tokens prove no callers");
  const name = nameOf(`signet:${profile.name}`, verdict.subject);
  return name.rejection ? name : { ok: { name: name.ok, proof: "signet" } };
}
