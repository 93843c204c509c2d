import type { Access } from "../access/question.ts";
import type { EventCounter } from "../audit/event-counter.ts";
import type { Party } from "../audit/events/event-type.ts";
import type { Caller } from "../caller.ts";
import { type CheckCredential, type ConnectionProof, identify } from "../callers/identify.ts";
import type { Gate } from "../grpc/gate.ts";
import type { Metrics } from "../http/metrics/metrics.ts";
import { Problem, type ProblemCode } from "../problem/problem.ts";

const DENIALS: ReadonlySet<ProblemCode> = new Set(["UNAUTHENTICATED", "RATE_LIMITED"]);

/**
 * Names callers and decides on their calls. What is refused before the policy is asked is counted as denied here: calls
 * without a caller, and those of one that has too many calls or connections open.
 */
export function createGate(
  checkCredential: CheckCredential,
  access: Access,
  limits: Pick<Gate, "open" | "openConnection">,
  counter: EventCounter,
  { accessDenied }: Pick<Metrics, "accessDenied">,
): Gate {
  function countDenied(caller: Party, error: unknown): void {
    // Keys that can't be read deny nobody.
    if (!(error instanceof Problem) || !DENIALS.has(error.code)) return;
    counter.count({ type: "access.denied", method: "", profile: "", caller, reason: error.code });
    accessDenied("", error.code);
  }

  function unproven(error: unknown, { address }: ConnectionProof): never {
    countDenied({ name: "", proof: "", address }, error);
    throw error;
  }

  function counting<Opened>(open: (caller: Caller) => Opened): (caller: Caller) => Opened {
    return (caller) => {
      try {
        return open(caller);
      } catch (error) {
        countDenied(caller, error);
        throw error;
      }
    };
  }

  return {
    identify(proof, authorization): Caller | Promise<Caller> {
      try {
        const caller = identify(proof, authorization, checkCredential);
        return caller instanceof Promise ? caller.catch((error) => unproven(error, proof)) : caller;
      } catch (error) {
        return unproven(error, proof);
      }
    },
    access,
    open: counting(limits.open),
    openConnection: counting(limits.openConnection),
  };
}
