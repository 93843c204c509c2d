import type { Access, Method, Question } from "../access/question.ts";
import type { Caller } from "../caller.ts";
import type { HashSubjectRequest } from "../gen/signet/v1/audit_service.ts";
import type { ImportKeyRequest, RevokeKeyRequest } from "../gen/signet/v1/keys.ts";
import type { ListSessionsRequest, OpenSessionRequest } from "../gen/signet/v1/session.ts";
import type { IssueTokenRequest, RevokeTokensRequest, VerifyTokenRequest } from "../gen/signet/v1/token.ts";

/** An item of a batch is decided as a call of the single method. */
const BATCHES: Readonly<Record<string, Method>> = { BatchIssueTokens: "IssueToken", BatchVerifyTokens: "VerifyToken" };

/**
 * Reads the requests of the method at a path, such as `/signet.v1.TokenService/IssueToken`. One that can't be read asks
 * nothing that a rule could allow or deny, so that it is decided on by its method alone.
 */
export function admittingReader<Request>(path: string, decode: (bytes: Buffer) => Request, access: Access) {
  const name = path.slice(path.lastIndexOf("/") + 1);
  const method = BATCHES[name] ?? (name as Method);
  return (bytes: Buffer, caller: Caller): Request => {
    try {
      return decode(bytes);
    } catch (problem) {
      access.admitMalformed(caller, method);
      throw problem;
    }
  };
}

export function issueQuestion({ profile, tenant, audience, subject, ttl, claims = {} }: IssueTokenRequest): Question {
  return {
    method: "IssueToken",
    profile,
    tenant: given(tenant),
    audience: audience.length === 0 ? undefined : audience,
    subject: given(subject),
    ttlSeconds: ttl === undefined ? undefined : Number(ttl.seconds) + ttl.nanos / 1e9,
    claims,
  };
}

export function verifyQuestion({ profile, tenant, audience, at }: VerifyTokenRequest): Question {
  return {
    method: "VerifyToken",
    profile,
    tenant: given(tenant),
    audience: audience === "" ? undefined : [audience],
    ...(at === undefined ? {} : { needs: ["verify_at"] as const }),
  };
}

export function revokeTokensQuestion({ profile, tenant, subject }: RevokeTokensRequest): Question {
  return { method: "RevokeTokens", profile, tenant: given(tenant), subject: given(subject) };
}

export function hashSubjectQuestion({ subject }: HashSubjectRequest): Question {
  return { method: "HashSubject", subject: given(subject) };
}

export function importKeyQuestion({ profile, tenant }: ImportKeyRequest): Question {
  return { method: "ImportKey", profile, tenant: given(tenant) };
}

export function revokeKeyQuestion({ profile, tenant }: RevokeKeyRequest): Question {
  return { method: "RevokeKey", profile: given(profile), tenant: given(tenant) };
}

/** A session is opened now: `at` of the verification is refused, and so nobody needs a permission for it. */
export function openQuestion({ verification }: OpenSessionRequest): Question {
  const { profile = "", tenant = "", audience = "" } = verification ?? {};
  return {
    method: "OpenSession",
    profile,
    tenant: given(tenant),
    audience: audience === "" ? undefined : [audience],
  };
}

/**
 * Admits a list of sessions. One of every profile is admitted where one of any single profile would be.
 *
 * @returns whether the caller may see the sessions of a profile and tenant.
 */
export function admitList(
  { profile, tenant }: ListSessionsRequest,
  {
    access,
    caller,
    profiles,
  }: { readonly access: Access; readonly caller: Caller; readonly profiles: Iterable<string> },
): (profile: string, tenant: string) => boolean {
  const question = (name: string | undefined, tenant: string): Question => ({
    method: "ListSessions",
    profile: name,
    tenant: given(tenant),
  });
  const allowed =
    profile === "" ? [...profiles].find((name) => access.allows(caller, question(name, tenant))) : profile;
  access.admit(caller, question(allowed, tenant));
  const known = new Map<string, boolean>();
  return (name, ofTenant) => {
    const key = JSON.stringify([name, ofTenant]);
    const may = known.get(key) ?? access.allows(caller, question(name, ofTenant));
    known.set(key, may);
    return may;
  };
}

/** proto3 has no absent string: a field that was not sent is empty. */
export function given(field: string): string | undefined {
  return field === "" ? undefined : field;
}
