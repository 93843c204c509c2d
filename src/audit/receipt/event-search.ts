import { CodedError } from "../../coded-error.ts";
import type { LogPolicy } from "../checkpoint/policy.ts";
import { type PublishedCheckpoint, readCheckpoint } from "../stream-message.ts";
import { type Claim, ClaimedLeaves, claimOf, wayOutOfGap } from "../tree/claimed-leaves.ts";
import { rootOf } from "../tree/edge.ts";
import type { TreeHash } from "../tree/hash.ts";
import { inclusionProof, type LeafAt } from "../tree/proof.ts";
import { parseLine, readEntry, type StoredEvent } from "../verify/entry.ts";
import { tlogProofText } from "./tlog-proof.ts";

/**
 * There is no receipt.
 *
 * - `NOT_FOUND`: no event is the wanted one.
 * - `NO_LOG`: its writer was of a version that had no log.
 * - `PENDING`: no checkpoint covers the event yet.
 * - `UNKNOWN_LOG`: the policy names no log of its writer, so that no checkpoint will count.
 * - `INCOMPLETE`: events before the checkpoint are missing, so that its tree can't be made.
 * - `MISMATCH`: the events are not those of any checkpoint that covers the event.
 */
export class NoReceiptError extends CodedError<
  "NOT_FOUND" | "NO_LOG" | "PENDING" | "UNKNOWN_LOG" | "INCOMPLETE" | "MISMATCH"
> {}

/** Events of one writer that may be the wanted one. */
interface Candidates {
  /** By their leaf hashes in Latin-1: events come again. */
  readonly bodies: Map<string, Buffer>;
  /** The smallest and the largest log index of one. */
  readonly first: number;
  readonly last: number;
}

/** The event that is in a tree that a checkpoint states. */
interface Found {
  readonly claim: Claim;
  readonly checkpoint: PublishedCheckpoint;
  readonly leafAt: LeafAt;
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
 * who can publish can make up any event. So all are looked for, at once.
 */
export class EventSearch {
  readonly #wanted: Wanted;
  readonly #policy: LogPolicy | undefined;
  readonly #leaves = new Map<string, ClaimedLeaves>();
  /** By writer. */
  readonly #checkpoints = new Map<string, PublishedCheckpoint[]>();
  /** By writer, the size of the largest that the key of its log has not signed. */
  readonly #unsigned = new Map<string, number>();
  /** By writer. */
  readonly #candidates = new Map<string, Candidates>();
  /** Whether an event of a version that had no log is the wanted one. */
  #isWithoutLog = false;

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
    const claim = claimOf(entry);
    const isWanted = this.#wanted.isIn(stored ?? {});
    if (claim === undefined) {
      this.#isWithoutLog ||= isWanted;
      return;
    }
    if (isWanted) this.#addCandidate(entry.writer, claim, body);
    const leaves = this.#leaves.get(entry.writer) ?? new ClaimedLeaves();
    leaves.add(claim);
    this.#leaves.set(entry.writer, leaves);
  }

  #addCandidate(writer: string, { index, hash }: Claim, body: Uint8Array): void {
    const known = this.#candidates.get(writer) ?? { bodies: new Map<string, Buffer>(), first: index, last: index };
    const { bodies, first, last } = known;
    const key = keyOf(hash);
    if (!bodies.has(key)) bodies.set(key, Buffer.from(body));
    this.#candidates.set(writer, { bodies, first: Math.min(first, index), last: Math.max(last, index) });
  }

  addCheckpoint(note: string): void {
    const checkpoint = readCheckpoint(note);
    if (checkpoint === undefined) return;
    const { writer, origin, size } = checkpoint;
    const judgement = this.#policy?.judge(note, origin) ?? "VALID";
    if (judgement === "BAD_SIGNATURE") this.#unsigned.set(writer, Math.max(size, this.#unsigned.get(writer) ?? 0));
    if (judgement !== "VALID") return;
    const known = this.#checkpoints.get(writer);
    if (known === undefined) this.#checkpoints.set(writer, [checkpoint]);
    else known.push(checkpoint);
  }

  /**
   * The receipt: a C2SP tlog-proof with the event's bytes. Throws a {@link NoReceiptError}: of several writers PENDING if
   * an event of one is, otherwise that of the first whose log may be known.
   */
  receipt(): string {
    let reason: NoReceiptError | undefined;
    for (const [writer, candidates] of this.#candidates)
      try {
        return this.#receiptOf(writer, candidates);
      } catch (error) {
        if (!(error instanceof NoReceiptError)) throw error;
        if (reason === undefined || rankOf(error) < rankOf(reason)) reason = error;
      }
    const isKnown = reason !== undefined && reason.code !== "UNKNOWN_LOG";
    if (this.#isWithoutLog && !isKnown)
      throw new NoReceiptError("NO_LOG", "its event is of a version that had no log: its chain alone proves it");
    if (reason !== undefined) throw reason;
    throw new NoReceiptError("NOT_FOUND", `no event that was read says ${this.#wanted.what}`);
  }

  #receiptOf(writer: string, { bodies, first, last }: Candidates): string {
    if (this.#policy?.names(writer) === false)
      throw new NoReceiptError("UNKNOWN_LOG", "the policy has no log of the event's writer: signet audit keys");
    const covering = (this.#checkpoints.get(writer) ?? [])
      .filter(({ size }) => size > first)
      .toSorted((left, right) => left.size - right.size);
    const leaves = this.#leaves.get(writer) ?? new ClaimedLeaves();
    if (!leaves.has(0)) throw incomplete(0);
    const found = firstThatAgrees(covering, leaves, ({ hash }) => bodies.has(keyOf(hash)));
    if (found === undefined && last >= (covering.at(-1)?.size ?? 0))
      throw pending((this.#unsigned.get(writer) ?? 0) > first);
    if (found === undefined)
      throw new NoReceiptError("MISMATCH", "no checkpoint agrees with the events: see what signet audit verify says");
    const { claim, checkpoint, leafAt } = found;
    const hashes = inclusionProof(leafAt, claim.index, checkpoint.size);
    const extra = bodies.get(keyOf(claim.hash)) ?? Buffer.alloc(0);
    return tlogProofText({ extra, index: claim.index, hashes, checkpoint: checkpoint.note });
  }
}

/** The smallest checkpoint of these, which are in that order, of a tree that the events may have made with a wanted one. */
function firstThatAgrees(
  covering: readonly PublishedCheckpoint[],
  leaves: ClaimedLeaves,
  isWanted: (claim: Claim) => boolean,
): Found | undefined {
  const sizes = [...new Set(covering.map(({ size }) => size))];
  const treeOf = (size: number, root: TreeHash) => `${size}/${root.toString("hex")}`;
  // Of those that state the same the first stays.
  const stated = new Map(
    covering.toReversed().map((checkpoint) => [treeOf(checkpoint.size, checkpoint.root), checkpoint]),
  );
  for (const { edge, leafAt, wanted } of leaves.trees(sizes, incomplete, isWanted)) {
    const checkpoint = stated.get(treeOf(edge.size, rootOf(edge)));
    if (wanted !== undefined && checkpoint !== undefined) return { claim: wanted, checkpoint, leafAt };
  }
  return undefined;
}

/** SHA-256 in Latin-1. */
function keyOf(hash: TreeHash): string {
  return hash.toString("latin1");
}

/** Anybody who can publish can make up a writer that no policy names: it hides no other reason. */
function rankOf({ code }: NoReceiptError): number {
  return code === "PENDING" ? 0 : code === "UNKNOWN_LOG" ? 2 : 1;
}

/**
 * `isUnsigned`: checkpoints that do not count cover it. Anyone who can publish can make them up, so that a good one may
 * still come.
 */
function pending(isUnsigned: boolean): NoReceiptError {
  const message = isUnsigned
    ? "the key that the policy has for the log did not sign the checkpoint that covers the event (see what signet audit " +
      "verify says), and no other checkpoint covers it"
    : "no checkpoint covers the event";
  return new NoReceiptError("PENDING", message);
}

function incomplete(index: number): NoReceiptError {
  return new NoReceiptError(
    "INCOMPLETE",
    `the event with log index ${index} of its writer is missing: ${wayOutOfGap(index)}`,
  );
}

function membersOf(message: unknown): Readonly<Record<string, unknown>> {
  return Object(message);
}
