import type { Caller } from "../../caller.ts";
import { int64, text } from "../proto-json.ts";

/** How one type of event is written. */
export interface EventType<Members> {
  /** The field of `signet.v1.AuditEvent` that holds such an event. */
  readonly field: string;
  /**
   * The canonical proto3 JSON of that field's message. Bodies are hashed, so the order of the members MUST NOT change:
   * a new member comes last, and is left out where it is empty.
   */
  encode(event: Members): object;
}

export function event<Members>(field: string, encode: (event: Members) => object): EventType<Members> {
  return { field, encode };
}

/** Who caused what is counted: a caller, or somebody unproven, of whom only the address may be known. */
export type Party = Caller | { readonly name: ""; readonly proof: ""; readonly address: string };

/** What was refused, so many times. */
export interface Denial {
  readonly profile: string;
  readonly caller: Party;
  readonly reason: string;
  readonly count: number;
}

export function encodeDenial(denial: Denial) {
  return {
    profile: text(denial.profile),
    caller: text(denial.caller.name),
    reason: text(denial.reason),
    count: int64(denial.count),
    ...provenBy(denial.caller),
  };
}

/** How the caller proved its name, and from where it called: in every event that a caller caused. */
export function provenBy(caller: Pick<Party, "proof" | "address"> | undefined) {
  return { callerProof: text(caller?.proof ?? ""), callerAddress: text(caller?.address ?? "") };
}
