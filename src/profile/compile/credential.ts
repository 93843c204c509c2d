import { durationMs } from "../../schema/duration.ts";
import type { Faults } from "../../schema/fault.ts";
import type { ProfileFile } from "../file/schema.ts";
import type { Profile } from "../model/profile.ts";
import { mediaType } from "../token-types.ts";
import { subjectIn } from "./check-claims.ts";

/** Types that other tokens have too (RFC 7519, 5.1; RFC 9068, 2.1). */
const COMMON_TYPES = ["jwt", "at+jwt"].map(mediaType);
/** The longest that a credential of any issuer may live. */
const LONGEST_MS = 86_400_000;

/**
 * The audience of the tokens that prove callers of Signet; undefined where the profile's tokens do not. A fault for
 * each reason why they can't: what a caller may choose freely, or what a call over gRPC does not have.
 */
export function compileCredential(file: ProfileFile, faults: Faults): Profile["credential"] {
  if (!file.credential) return undefined;
  const { issuer, tenant, header, keys, lifetime, context } = file;
  const refuse = (path: readonly string[], message: string): void =>
    faults.add(path, `${message} where credential is true`);
  if (!("keyset" in keys)) refuse(["keys"], "must be a keyset, whose keys nobody else has,");
  if (issuer === "none") refuse(["issuer"], "must not be none");
  if (tenant !== undefined) refuse(["tenant"], "must be absent, because a caller has no tenant,");
  if (header.typ === undefined || COMMON_TYPES.includes(mediaType(header.typ)))
    refuse(["header", "typ"], "must be a type of its own");
  if (lifetime.exp !== "required") refuse(["lifetime", "exp"], "must be required");
  for (const [path, text] of [
    [["max"], lifetime.max],
    [["extended", "max"], lifetime.extended?.max],
  ] as const)
    if ((durationMs(text ?? "") ?? 0) > LONGEST_MS) refuse(["lifetime", ...path], "must be at most 24h");
  if (file.one_time) refuse(["one_time"], "must be false, because each call shows the token again,");
  if (context !== undefined) refuse(["context"], "must be absent, because a call has none,");
  checkSubject(file, refuse);
  return { audience: audienceOf(file, refuse) };
}

type Refuse = (path: readonly string[], message: string) => void;

/** The policy limits the subject of a request, so that is what must name the caller. */
function checkSubject(file: ProfileFile, refuse: Refuse): void {
  const subject = subjectIn(file);
  const isLimited = file.claims.some((one) => "from" in one && one.from === "subject" && one.name === subject.claim);
  if (!isLimited) refuse(["claims"], `must include { name: ${subject.claim}, from: subject }`);
  if (subject.may_be_empty) refuse(["subject", "may_be_empty"], "must be false");
}

function audienceOf({ claims }: ProfileFile, refuse: Refuse): string {
  const found = claims.find((one) => "name" in one && one.name === "aud");
  if (found !== undefined && "value" in found && typeof found.value === "string" && found.value !== "")
    return found.value;
  refuse(["claims"], "must include { name: aud, value: TEXT }, an audience that no caller chooses,");
  return "";
}
