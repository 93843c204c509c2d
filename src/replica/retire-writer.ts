import type { AuditLog } from "../audit/event.ts";
import type { Caller } from "../caller.ts";
import { auditKeysUnavailable } from "../problem/audit-problem.ts";
import { reasonFault } from "../problem/field-rules.ts";
import { invalidRequest, Problem } from "../problem/problem.ts";
import { isUnavailable } from "../state/keyvalue.ts";
import type { AuditWriter, AuditWriters } from "./audit-writers.ts";

export interface RetireWriterParts {
  readonly writers: AuditWriters;
  /** The writers of live replicas, this one's among them. */
  readonly running: () => readonly string[];
  readonly audit: AuditLog;
  /** Unix milliseconds. */
  readonly now: () => number;
}

/** Records that a writer is lost, for `caller`. Rejects with a {@link Problem}; retrying is safe. */
export type RetireWriter = (
  request: { readonly writer: string; readonly reason: string },
  caller: Caller,
) => Promise<AuditWriter>;

/** The form of a writer's name: it is a part of a key in the state. */
const WRITER = /^[A-Za-z0-9_-]{1,64}$/;

export function createRetireWriter({ writers, running, audit, now }: RetireWriterParts): RetireWriter {
  return async (request, caller) => {
    check(request);
    const { writer, reason } = request;
    try {
      const found = await writers.find(writer);
      if (found === undefined) throw new Problem("WRITER_NOT_FOUND", "no writer of this name is registered");
      if (found.state === "retired") return found;
      if (found.state === "closed") throw new Problem("WRITER_NOT_LOST", "the writer has ended in order: it is closed");
      if (running().includes(writer)) throw new Problem("WRITER_NOT_LOST", "the replica of this writer runs");
      const { origin, verifierKey } = found;
      // The event first: without it nothing in the log would say why the writer is silent.
      await audit.append({ type: "writer.retired", retiredWriter: writer, origin, verifierKey, caller, reason }, now());
      return (await writers.end(writer, "retired")) ?? found;
    } catch (error) {
      throw error instanceof Problem ? error : auditKeysUnavailable(error, isUnavailable(error));
    }
  };
}

/** Throws the Problem INVALID_REQUEST with every bad field. */
function check({ writer, reason }: { readonly writer: string; readonly reason: string }): void {
  const faults = [
    {
      field: "writer",
      description: WRITER.test(writer) ? undefined : "must be 1 to 64 characters of A-Z, a-z, 0-9, _ and -",
    },
    { field: "reason", description: reasonFault(reason) },
  ];
  const violations = faults.flatMap(({ field, description }) =>
    description === undefined ? [] : [{ field, description }],
  );
  if (violations.length > 0) throw invalidRequest(violations);
}
