import type { Caller, Proof } from "../caller.ts";
import type { Profile } from "../profile/model/profile.ts";
import { durationMs } from "../schema/duration.ts";
import { CALLER_NAME_FORMS, parseCallerName } from "./caller-name.ts";
import { type Dimension, hasDimension, type Method, mayNeed, type Permission, type Question } from "./question.ts";

/** A call that nobody makes: of a test in a policy's file, or of `signet access check`. */
export interface SampleCall {
  /** The name of the caller. */
  readonly caller: string;
  /** Where two are possible; by default that of a client certificate. */
  readonly proof?: Proof;
  /** The IP address of the caller, or empty. */
  readonly address: string;
  readonly method: Method;
  readonly profile?: string;
  readonly tenant?: string;
  readonly audience?: readonly string[];
  readonly subject?: string;
  /** A duration. */
  readonly ttl?: string;
  readonly claims?: object;
  readonly needs?: readonly Permission[];
}

/** What is wrong with a sample, by its key: no such call could be made. */
export function sampleFaults(
  { caller, proof, method, needs, claims, ...sample }: SampleCall,
  profiles: ReadonlyMap<string, Profile>,
): { readonly key: keyof SampleCall; readonly message: string }[] {
  const found: { readonly key: keyof SampleCall; readonly message: string }[] = [];
  if (parseCallerName(caller) === undefined) found.push({ key: "caller", message: CALLER_NAME_FORMS });
  if (proof !== undefined && !caller.startsWith("spiffe://"))
    found.push({ key: "proof", message: "is for callers with a SPIFFE id" });
  for (const key of ["profile", "tenant", "audience", "subject", "ttl"] satisfies Dimension[])
    if (sample[key] !== undefined && !hasDimension(method, key))
      found.push({ key, message: `is nothing that ${method} has` });
  if (sample.profile !== undefined && !profiles.has(sample.profile))
    found.push({ key: "profile", message: `is not the name of a profile (known: ${[...profiles.keys()].join(", ")})` });
  if (claims !== undefined && method !== "IssueToken") found.push({ key: "claims", message: "are for IssueToken" });
  if (needs?.some((permission) => !mayNeed(method, permission)))
    found.push({ key: "needs", message: `is nothing that ${method} needs` });
  return found;
}

/** The call that a sample without faults stands for. */
export function callOf({ caller: name, proof, address, ttl, claims = {}, ...asked }: SampleCall): {
  readonly caller: Caller;
  readonly question: Question;
} {
  return {
    caller: { name, proof: proof ?? parseCallerName(name)?.proof ?? "loopback", address },
    question: {
      ...asked,
      ...(ttl === undefined ? {} : { ttlSeconds: (durationMs(ttl) ?? Number.NaN) / 1000 }),
      ...(asked.method === "IssueToken" ? { claims: claims as Record<string, unknown> } : {}),
    },
  };
}
