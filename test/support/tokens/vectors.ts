import { readFileSync } from "node:fs";
import type { ExecutionContext } from "ava";
import type { JWK } from "jose";
import { SecretEncoding } from "../../../src/gen/signet/v1/keys.ts";
import { rejectionReasonToJSON } from "../../../src/gen/signet/v1/token.ts";
import { ALGORITHMS } from "../../../src/keys/model.ts";
import { filesIn } from "../files/config-files.ts";
import { vendorProfile } from "../profiles/vendor-profile.ts";
import { importKey } from "../service/key-calls.ts";
import { failureOf } from "../service/rich-error.ts";
import { type Service, startService, verify } from "../service/service.ts";

/** A file of vectors in the format of Wycheproof's `json_web_signature_test.json`. */
export interface Vectors {
  readonly testGroups: readonly Group[];
}

interface Group {
  readonly comment: string;
  /** The key that signs; absent in groups whose tokens somebody else has signed. */
  readonly private?: JWK;
  readonly tests: readonly Vector[];
}

interface Vector {
  readonly tcId: number;
  readonly comment: string;
  /** A token in compact serialisation, or what pretends to be one. Its payload may be any text. */
  readonly jws: string;
  readonly result: "valid" | "invalid" | "acceptable";
}

/** What the service said of a vector. */
export interface Outcome {
  readonly group: string;
  readonly vector: Vector;
  /** Whether it found the signature good, under the key of the group. */
  readonly accepted: boolean;
  /** Why it rejected the token: for its claims, where the signature was good. */
  readonly reason: string;
}

export function readVectors(path: string | URL): Vectors {
  return JSON.parse(readFileSync(path, "utf8"));
}

/**
 * Imports the key of each group into a service, and has it verify the group's tokens over gRPC. `skipped` says which
 * groups it can't be asked about, and why.
 */
export async function runVectors(t: ExecutionContext, { testGroups }: Vectors) {
  const profiles = {
    "with-kid.yaml": vendorProfile(ALGORITHMS).replace("profile: vendor", "profile: with-kid"),
    "without-kid.yaml": vendorProfile(ALGORITHMS)
      .replace("profile: vendor", "profile: without-kid")
      .replace("kid: required", "kid: absent"),
  };
  const service = await startService(t, { env: { SIGNET_PROFILES_FOLDER: await filesIn(t, profiles) } });
  const outcomes: Outcome[] = [];
  const skipped: string[] = [];
  for (const [at, group] of testGroups.entries()) {
    const place = { profile: group.private?.kid === undefined ? "without-kid" : "with-kid", tenant: `group-${at}` };
    const obstacle = await importGroup(service, place, group.private);
    if (obstacle !== undefined) skipped.push(`${group.comment}: ${obstacle}`);
    else for (const vector of group.tests) outcomes.push(await outcomeOf(service, place, group.comment, vector));
  }
  return { outcomes, skipped };
}

type Place = Readonly<{ profile: string; tenant: string }>;

/** Resolves with the reason why the key can't be imported; undefined if it was. */
async function importGroup(service: Service, place: Place, key: JWK | undefined): Promise<string | undefined> {
  if (key === undefined) return "there is no private key to import";
  const algorithm = ALGORITHMS.find((alg) => alg === key.alg);
  if (algorithm === undefined) return `${key.alg ?? "no alg"} is not an algorithm of imported keys`;
  const imported = importKey(service, { ...place, keyId: key.kid ?? "", algorithm, allowWeak: true, ...textOf(key) });
  return imported.then(
    () => undefined,
    async (error) => (await failureOf(Promise.reject(error))).message,
  );
}

function textOf(key: JWK) {
  return key.kty === "oct"
    ? {
        secret: Buffer.from(key.k ?? "", "base64url").toString("base64"),
        encoding: SecretEncoding.SECRET_ENCODING_BASE64,
      }
    : { secret: JSON.stringify(key), encoding: SecretEncoding.SECRET_ENCODING_UNSPECIFIED };
}

async function outcomeOf(service: Service, place: Place, group: string, vector: Vector): Promise<Outcome> {
  // A call without a token is refused as a request, before there is anything to verify.
  if (vector.jws === "") return { group, vector, accepted: false, reason: "no token" };
  const { valid, rejection, keyId } = await verify(service, vector.jws, { ...place, audience: "" });
  const reason = rejectionReasonToJSON(rejection?.reason ?? 0).replace("REJECTION_REASON_", "");
  return { group, vector, accepted: valid || keyId !== "", reason };
}
