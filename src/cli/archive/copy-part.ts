import { bodySha256, Coverage, type LastMessage } from "../../audit/archive/coverage.ts";
import { PartEnd, type RetentionTarget, storedBytes } from "../../audit/archive/target.ts";
import type { LogPolicy } from "../../audit/checkpoint/policy.ts";
import { parseLine, readEntry } from "../../audit/verify/entry.ts";
import { headerMismatch } from "../../audit/verify/header-mismatch.ts";
import { type KnownEnds, type Verdict, Verifier } from "../../audit/verify/verifier.ts";
import type { TailedEvent } from "../../nats/audit/read-stream.ts";
import { auditJson, checkpointOf } from "../output/audit-line.ts";
import type { Draft } from "./draft.ts";

export interface PartOptions {
  readonly draft: Draft;
  readonly target: RetentionTarget;
  /** Of the whole stream. */
  readonly bytes: number;
  /** What the part goes on from. */
  readonly known: KnownEnds;
  /** The ends up to which writers without a log are known. */
  readonly knownEnds: KnownEnds;
  readonly policy: LogPolicy | undefined;
  /** The writers whose events are archived whatever is wrong with them. */
  readonly accepted: ReadonlySet<string>;
  /** Called with the writer of each message of theirs. MUST NOT throw. */
  readonly onAccepted: (writer: string) => void;
  /** Whether messages are archived that are neither events nor checkpoints of the policy's logs. */
  readonly foreign?: boolean | undefined;
}

/** What may be archived of the messages that were copied. */
export type CopiedPart =
  | { readonly type: "nothing" | "uncovered" }
  | { readonly type: "faults"; readonly verdict: Verdict }
  | {
      readonly type: "copied";
      readonly last: LastMessage;
      /** The length of the draft up to there. */
      readonly bytes: number;
      /** The largest of each writer, as notes. */
      readonly checkpoints: readonly string[];
    };

/**
 * Copies the part of a stream that is wanted into a draft, and reads on until a checkpoint covers each of its events.
 * What no checkpoint covers must be cut off.
 */
export class PartCopy {
  readonly #options: PartOptions;
  readonly #verifier: Verifier;
  readonly #coverage: Coverage;
  readonly #end: PartEnd;
  readonly #largest = new Map<string, { readonly size: number; readonly note: string }>();
  #before: LastMessage = { seq: 0, sha256: "" };
  #inPart = true;

  constructor(options: PartOptions) {
    this.#options = options;
    this.#verifier = new Verifier({ known: options.known, policy: options.policy, part: options });
    this.#coverage = new Coverage(options.knownEnds, options.policy !== undefined);
    this.#end = new PartEnd(options.target, options.bytes);
  }

  /** Takes the next message. False: the part is complete. */
  async take(message: TailedEvent): Promise<boolean> {
    this.#inPart &&= this.#end.takes(message, storedBytes(message));
    if (!this.#inPart && !this.#coverage.isOpen) return false;
    const sha256 = this.#verify(message);
    if (!this.#inPart) return true;
    await this.#options.draft.add(auditJson(message));
    this.#before = { seq: message.seq, sha256 };
    return true;
  }

  /** Returns the SHA-256 of the body. */
  #verify(message: TailedEvent): string {
    const checkpoint = checkpointOf(message);
    if (checkpoint !== undefined) {
      this.#isAccepted(checkpoint.writer);
      if (!this.#verifier.add(checkpoint.note, message.seq)) return bodySha256(message.body);
      // Without a policy nobody knows whose it is, and it proves nothing.
      if (this.#options.policy !== undefined) this.#coverage.checkpoint(checkpoint);
      const { writer, size } = checkpoint;
      if (size >= (this.#largest.get(writer)?.size ?? 0)) this.#largest.set(writer, checkpoint);
      return bodySha256(message.body);
    }
    const stored = parseLine(message.body);
    const entry = stored && readEntry(message.body, stored);
    this.#verifier.add(entry, message.seq);
    if (entry === undefined) return bodySha256(message.body);
    const mismatch = headerMismatch(message, stored ?? {});
    if (mismatch !== undefined) this.#verifier.mismatch(entry, message.seq, mismatch);
    const mark = { seq: message.seq, offset: this.#options.draft.bytes, before: this.#before };
    if (!this.#isAccepted(entry.writer)) this.#coverage.event(entry, this.#inPart ? mark : undefined);
    return entry.hash;
  }

  #isAccepted(writer: string): boolean {
    const isAccepted = this.#options.accepted.has(writer);
    if (isAccepted) this.#options.onAccepted(writer);
    return isAccepted;
  }

  judge(): CopiedPart {
    if (this.#before.seq === 0) return { type: "nothing" };
    const verdict = this.#verifier.judge();
    if (!verdict.proven) return { type: "faults", verdict };
    const open = this.#coverage.firstOpen;
    const last = open?.before ?? this.#before;
    if (last.seq === 0 || !this.#isCompared(verdict)) return { type: "uncovered" };
    const checkpoints = [...this.#largest.values()].map(({ note }) => note);
    return { type: "copied", last, bytes: open?.offset ?? this.#options.draft.bytes, checkpoints };
  }

  /** Whether the checkpoints that are relied on were compared with the tree: that they could not be is no fault. */
  #isCompared({ writers }: Verdict): boolean {
    const proven = new Map(writers.map(({ writer, log }) => [writer, log?.checkpoint?.size ?? 0]));
    return [...this.#coverage.claims()].every(([writer, size]) => size <= (proven.get(writer) ?? 0));
  }
}
