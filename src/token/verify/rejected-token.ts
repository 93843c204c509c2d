import type { Party } from "../../audit/events/event-type.ts";
import type { RejectedToken } from "../../audit/events/token.ts";
import { keyIdFault } from "../../problem/field-rules.ts";
import type { Profile } from "../../profile/model/profile.ts";
import { findToken } from "./carriers.ts";
import { MAX_TOKEN_LENGTH, splitCompact } from "./compact.ts";
import { readHeader } from "./header.ts";
import type { VerifyRequest } from "./request.ts";
import type { Verdict } from "./verify.ts";

/** What an event may say of a token that was rejected: neither its text nor a claim. */
export function rejectedToken(
  { credential }: Pick<VerifyRequest, "credential">,
  { profile, verdict }: { readonly profile: Profile; readonly verdict: Verdict },
  caller: Party,
): RejectedToken {
  const identified = verdict.valid ? verdict : verdict.identified;
  if (identified !== undefined) return { caller, keyId: identified.keyId, tokenId: identified.tokenId };
  return { caller, keyId: namedKey(credential, profile), tokenId: "" };
}

/** The `kid` that the token names, if it has the form of one: anybody may have written it. */
function namedKey(credential: VerifyRequest["credential"], { carriers }: Profile): string {
  const token = tokenIn(credential, carriers);
  const compact = splitCompact(token, MAX_TOKEN_LENGTH);
  const header = compact.rejection ? compact : readHeader(compact.ok.header);
  const kid = header.rejection ? undefined : header.ok.kid;
  return typeof kid === "string" && keyIdFault(kid) === undefined ? kid : "";
}

function tokenIn(credential: VerifyRequest["credential"], carriers: Profile["carriers"]): string {
  if (credential?.$case !== "carrier") return credential?.value ?? "";
  const found = findToken(credential.value, carriers);
  return found.rejection ? "" : found.ok.token;
}
