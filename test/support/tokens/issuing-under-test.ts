import type { AuditEvent, AuditLog } from "../../../src/audit/event.ts";
import type { Caller } from "../../../src/caller.ts";
import type { TokenKeys } from "../../../src/keys/token-keys.ts";
import { Problem } from "../../../src/problem/problem.ts";
import type { Profile } from "../../../src/profile/model/profile.ts";
import { createIssueToken, type IssueTokenParts } from "../../../src/token/issue/issue-token.ts";
import type { IssueRequest } from "../../../src/token/issue/request.ts";
import { createRequestIds } from "../../../src/token/issue/request-ids.ts";
import { createTokenSigner, type IssuedToken, type TokenSignerParts } from "../../../src/token/issue/token-signer.ts";
import { callerNamed } from "../caller.ts";

/** The default time of issuing, in Unix milliseconds. */
export const NOW = 1_800_000_000_500;

/** Issuing under one profile. `events` are those of the audit log, `reports` those of the callbacks. */
export function issuingUnderTest(
  profile: Profile,
  keysOf: (tenant: string) => TokenKeys,
  overrides: Partial<TokenSignerParts & IssueTokenParts> = {},
) {
  const events: AuditEvent[] = [];
  const reports: string[] = [];
  const audit: AuditLog = { append: async (event) => void events.push(event) };
  let ids = 0;
  const parts = {
    audit,
    publishKey: () => undefined,
    hashSubject: () => "hash",
    digestClaims: (payload: string) => `digest of ${payload}`,
    verifyEvery: 1000,
    profiles: () => new Map([[profile.name, profile]]),
    keysOf: (_: Profile, tenant: string) => keysOf(tenant),
    isRevoked: () => false,
    requireFit: () => {},
    requireForwarding: () => {},
    meter: () => {},
    now: () => NOW,
    newTokenId: () => `id-${++ids}`,
    onWithheld: (name: string, reason: string) => reports.push(`withheld ${name} ${reason}`),
    onIssued: (name: string) => reports.push(`issued ${name}`),
    onDenied: (name: string, caller: Caller, _requestId: string, error: unknown) =>
      reports.push(`denied ${name} ${caller.name} ${error instanceof Problem ? error.code : "?"}`),
    onExpressionError: (name: string, kind: string, what: string) => reports.push(`failed ${name} ${kind} ${what}`),
    ...overrides,
  };
  const requestIds = createRequestIds<IssuedToken>(parts.now);
  const run = createIssueToken({ signer: createTokenSigner(parts), requestIds, ...parts });
  const issue = (request: Partial<IssueRequest> = {}, caller = "caller-1"): Promise<IssuedToken> =>
    run(profile.name, { ...EMPTY, ...request }, callerNamed(caller));
  return { events, reports, issue, run };
}

/** A request in which every field is empty. */
export const EMPTY: IssueRequest = {
  tenant: "",
  subject: "",
  audience: [],
  ttl: undefined,
  claims: undefined,
  clientIp: "",
  requestId: "",
  validateOnly: false,
};

/** A ttl in whole seconds. */
export function seconds(count: number): NonNullable<IssueRequest["ttl"]> {
  return { seconds: BigInt(count), nanos: 0 };
}
