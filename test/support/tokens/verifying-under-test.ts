import type { RejectedToken } from "../../../src/audit/events/token.ts";
import type { TokenKeys } from "../../../src/keys/token-keys.ts";
import type { Profile } from "../../../src/profile/model/profile.ts";
import type { Carrier } from "../../../src/token/verify/carriers.ts";
import type { VerifyRequest } from "../../../src/token/verify/request.ts";
import { createVerifyToken, type VerifyAnswer, withRejections } from "../../../src/token/verify/verify-token.ts";
import { LOOPBACK } from "../caller.ts";
import { NO_REVOCATIONS } from "./no-revocations.ts";

/** The default time of verifying, in Unix seconds. */
export const NOW = 1_800_000_000;

/** Verifying under one profile. `rejected`, `samples` and `failed` record the callbacks. */
export function verifyingUnderTest(profile: Profile, keysOf: (tenant: string) => TokenKeys) {
  const rejected: string[] = [];
  const failed: string[] = [];
  const judge = createVerifyToken({
    profiles: () => new Map([[profile.name, profile]]),
    keysOf: (_, tenant) => keysOf(tenant),
    now: () => NOW * 1000,
    onExpressionError: (name, kind, what) => failed.push(`${name} ${kind} ${what}`),
    ...NO_REVOCATIONS,
  });
  const samples: RejectedToken[] = [];
  const verify = withRejections(judge, (name, reason, sample) => {
    rejected.push(`${name} ${reason}`);
    samples.push(sample());
  });
  const ask = (token: string, question: Partial<VerifyRequest> = {}) =>
    verify({ ...EMPTY, profile: profile.name, credential: { $case: "token", value: token }, ...question }, LOOPBACK);
  /** The answer, for a token that needs no reload of keys. */
  const answerTo = (token: string, question: Partial<VerifyRequest> = {}): VerifyAnswer => {
    const answer = ask(token, question);
    if (answer instanceof Promise) throw new Error("the keys are reloaded");
    return answer;
  };
  return { rejected, samples, failed, ask, answerTo };
}

const EMPTY: VerifyRequest = {
  profile: "",
  credential: undefined,
  tenant: "",
  audience: "",
  context: undefined,
  at: undefined,
};

/** A client's request with only these parts. */
export function carried(parts: Partial<Carrier>): Carrier {
  return { headers: [], query: [], cookies: [], body: [], frame: Buffer.alloc(0), ...parts };
}

/** "valid", or the reason of the rejection. */
export function reasonOf({ verdict }: VerifyAnswer): string {
  return verdict.valid ? "valid" : verdict.rejection.reason;
}
