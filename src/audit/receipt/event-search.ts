import { CodedError } from "../../coded-error.ts";
import type { LogPolicy } from "../checkpoint/policy.ts";
import { type PublishedCheckpoint, readCheckpoint } from "../stream-message.ts";
import { type Claim, ClaimedLeaves, claimOf } from "../tree/claimed-leaves.ts";
import { rootOf } from "../tree/edge.ts";
import type { TreeHash } from "../tree/hash.ts";
import { inclusionProof } from "../tree/proof.ts";
import { parseLine, readEntry, type StoredEvent } from "../verify/entry.ts";
import { tlogProofText } from "./tlog-proof.ts";

/**
 * There is no receipt.
 *
 * - `NOT_FOUND`: no event is the wanted one.
 * - `NO_LOG`: its writer was of a version that had no log.
 * - `PENDING`: no checkpoint covers the event yet.
 * - `INCOMPLETE`: events before the checkpoint are missing, so that its tree can't be made.
 * - `MISMATCH`: the events are not those of any checkpoint that covers the event.
 */
export class NoReceiptError extends CodedError<"NOT_FOUND" | "NO_LOG" | "PENDING" | "INCOMPLETE" | "MISMATCH"> {}

/** An event that may be the wanted one. */
interface Candidate {
  readonly body: Buffer;
  readonly writer: string;
  /** Undefined for an event of a version that had no log. */
  readonly claim: Claim | undefined;
}

/** What a receipt is wanted of, and how messages name it. */
export interface Wanted {
  /** Such as "that this token was issued". */
  readonly what: string;
  readonly isIn: (event: StoredEvent) => boolean;
}

export function issuedToken(id: string): Wanted {
  return { what: "that this token was issued", isIn: ({ tokenIssued }) => membersOf(tokenIssued).tokenId === id };
}

/** Undefined as the keyset: a key of any owner. */
export function publishedKey(kid: string, keyset: string | undefined): Wanted {
  return {
    what: "that this key was published",
    isIn({ keyPublished }) {
      const key = membersOf(keyPublished);
      return key.keyId === kid && (keyset ?? key.keyset) === key.keyset;
    },
  };
}

/**
 * Looks for an event among all, and makes its receipt. It keeps 66 bytes of each event: which writer's log is needed is
 * known only when the wanted one was found. Several events may say what is wanted: each start publishes the keys anew, and
 * who can publish can make up any event. So each one is tried.
 */
export class EventSearch {
  readonly #wanted: Wanted;
  readonly #policy: LogPolicy | undefined;
  readonly #leaves = new Map<string, ClaimedLeaves>();
  readonly #checkpoints: PublishedCheckpoint[] = [];
  readonly #candidates: Candidate[] = [];

  /** With a policy, the checkpoints that it trusts alone count: who can publish can make up a log with its checkpoints. */
  constructor(wanted: Wanted, policy?: LogPolicy) {
    this.#wanted = wanted;
    this.#policy = policy;
  }

  /** Adds the body of an event. Whatever is none is passed over: `audit verify` reports it. */
  addEvent(body: Uint8Array): void {
    const stored = parseLine(body);
    const entry = stored && readEntry(body, stored);
    if (entry === undefined) return;
    const { writer } = entry;
    const claim = claimOf(entry);
    if (this.#wanted.isIn(stored ?? {})) this.#addCandidate({ body: Buffer.from(body), writer, claim });
    if (claim === undefined) return;
    const leaves = this.#leaves.get(writer) ?? new ClaimedLeaves();
    leaves.add(claim);
    this.#leaves.set(writer, leaves);
  }

  /** Events come again. */
  #addCandidate(candidate: Candidate): void {
    if (!this.#candidates.some(({ body }) => body.equals(candidate.body))) this.#candidates.push(candidate);
  }

  addCheckpoint(note: string): void {
    const checkpoint = readCheckpoint(note);
    if (checkpoint === undefined) return;
    if ((this.#policy?.judge(note, checkpoint.origin) ?? "VALID") === "VALID") this.#checkpoints.push(checkpoint);
  }

  /**
   * The receipt: a C2SP tlog-proof with the event's bytes. Throws a {@link NoReceiptError}: PENDING if one of several
   * events is, otherwise that of the first.
   */
  receipt(): string {
    const reasons: NoReceiptError[] = [];
    for (const candidate of this.#candidates)
      try {
        return this.#receiptOf(candidate);
      } catch (error) {
        if (!(error instanceof NoReceiptError)) throw error;
        reasons.push(error);
      }
    const reason = reasons.find(({ code }) => code === "PENDING") ?? reasons[0];
    throw reason ?? new NoReceiptError("NOT_FOUND", `no event that was read says ${this.#wanted.what}`);
  }

  #receiptOf({ body, writer, claim }: Candidate): string {
    if (claim === undefined)
      throw new NoReceiptError("NO_LOG", "its event is of a version that had no log: its chain alone proves it");
    const covering = this.#checkpoints
      .filter((checkpoint) => checkpoint.writer === writer && checkpoint.size > claim.index)
      .toSorted((left, right) => left.size - right.size);
    if (covering.length === 0)
      throw new NoReceiptError("PENDING", "no checkpoint covers the event yet: one comes within a minute");
    const { checkpoint, leafAt } = firstThatAgrees(covering, claim, this.#leaves.get(writer) ?? new ClaimedLeaves());
    const hashes = inclusionProof(leafAt, claim.index, checkpoint.size);
    return tlogProofText({ extra: body, index: claim.index, hashes, checkpoint: checkpoint.note });
  }
}

/** The smallest checkpoint of these, which are in that order, whose tree is one that the events may have made. */
function firstThatAgrees(covering: readonly PublishedCheckpoint[], wanted: Claim, leaves: ClaimedLeaves) {
  const sizes = [...new Set(covering.map(({ size }) => size))];
  const treeOf = (size: number, root: TreeHash) => `${size}/${root.toString("hex")}`;
  // Of those that state the same the first stays.
  const stated = new Map(
    covering.toReversed().map((checkpoint) => [treeOf(checkpoint.size, checkpoint.root), checkpoint]),
  );
  for (const { edge, leafAt } of leaves.trees(sizes, incomplete, wanted)) {
    const checkpoint = stated.get(treeOf(edge.size, rootOf(edge)));
    if (checkpoint !== undefined) return { checkpoint, leafAt };
  }
  throw new NoReceiptError("MISMATCH", "no checkpoint agrees with the events: see what signet audit verify says");
}

function incomplete(index: number): NoReceiptError {
  return new NoReceiptError("INCOMPLETE", `the event with log index ${index} of its writer is missing: read all files`);
}

function membersOf(message: unknown): Readonly<Record<string, unknown>> {
  return Object(message);
}
