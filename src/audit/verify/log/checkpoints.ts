import type { LogPolicy } from "../../checkpoint/policy.ts";
import { type PublishedCheckpoint, readCheckpoint } from "../../stream-message.ts";
import type { LogFault } from "../fault.ts";

/** A checkpoint that counts, and where it was read. */
export interface ReadCheckpoint extends Omit<PublishedCheckpoint, "note"> {
  readonly at: number;
}

/** The checkpoints of a log. With a policy, only those that it trusts count. */
export class Checkpoints {
  readonly #policy: LogPolicy | undefined;
  readonly #byWriter = new Map<string, Map<string, ReadCheckpoint>>();

  constructor(policy?: LogPolicy) {
    this.#policy = policy;
  }

  /** Adds the note that was read at `at`. Says why it does not count. */
  add(note: string, at: number): LogFault | undefined {
    const checkpoint = readCheckpoint(note);
    if (checkpoint === undefined)
      return { code: "UNREADABLE", message: "this is not a checkpoint of an audit log", at };
    const { writer, origin, size, root } = checkpoint;
    const verdict = this.#policy?.judge(note, origin) ?? "VALID";
    if (verdict === "UNKNOWN_LOG")
      return { code: verdict, message: `the policy has no log ${origin}, of which this is a checkpoint`, writer, at };
    if (verdict === "BAD_SIGNATURE")
      return { code: verdict, message: `this checkpoint is not signed by the key of ${origin}`, writer, at };
    const own = this.#byWriter.get(writer) ?? new Map<string, ReadCheckpoint>();
    // One that comes again says nothing new.
    const identity = `${size} ${root.toString("base64")} ${origin}`;
    if (!own.has(identity)) own.set(identity, { writer, origin, size, root, at });
    this.#byWriter.set(writer, own);
    return undefined;
  }

  writers(): Iterable<string> {
    return this.#byWriter.keys();
  }

  /** Those of a writer, the smallest first. */
  of(writer: string): readonly ReadCheckpoint[] {
    return [...(this.#byWriter.get(writer)?.values() ?? [])].toSorted((left, right) => left.size - right.size);
  }
}
