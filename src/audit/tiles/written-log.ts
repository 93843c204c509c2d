import { CodedError } from "../../coded-error.ts";
import { counted } from "../../counted.ts";
import type { LogPolicy } from "../checkpoint/policy.ts";
import { type PublishedCheckpoint, readCheckpoint } from "../stream-message.ts";
import { type Claim, ClaimedLeaves, claimOf, wayOutOfGap } from "../tree/claimed-leaves.ts";
import { rootOf } from "../tree/edge.ts";
import type { LeafAt } from "../tree/proof.ts";
import { parseLine, readEntry } from "../verify/entry.ts";

/**
 * A log can't be exported.
 *
 * - `NOT_FOUND`: no event of the writer was read.
 * - `UNKNOWN_LOG`: the policy names no log of the writer, so that no checkpoint will count.
 * - `PENDING`: no checkpoint covers an event of it yet.
 * - `INCOMPLETE`: events before the last checkpoint are missing, or the first one.
 * - `CHECKPOINT_MISMATCH`: the events are not those of that checkpoint.
 * - `NO_ORDER`: too many events come before one that they follow.
 */
export class LogError extends CodedError<
  "NOT_FOUND" | "UNKNOWN_LOG" | "PENDING" | "INCOMPLETE" | "CHECKPOINT_MISMATCH" | "NO_ORDER"
> {}

/** The events that a checkpoint covers, by their leaf hashes. */
export interface WrittenLog {
  readonly checkpoint: PublishedCheckpoint;
  readonly leafAt: LeafAt;
}

/** Entries that wait for one before them. In a stream only those wait that were published again. */
const MAX_WAITING = 100_000;

/**
 * Finds what a writer has written, up to its last checkpoint, among all that was read: who can publish can claim any
 * place of its log, also before the writer does. It takes the memory of {@link ClaimedLeaves}.
 */
export class LogSearch {
  readonly #writer: string;
  readonly #policy: LogPolicy | undefined;
  readonly #leaves = new ClaimedLeaves();
  /** The number of events that the last checkpoints cover; 0 before there is one. */
  #size = 0;
  /** Those that cover so many, by their roots: others can publish many. */
  readonly #last = new Map<string, PublishedCheckpoint>();

  /** With a policy, the checkpoints that it trusts alone count. */
  constructor(writer: string, policy?: LogPolicy) {
    this.#writer = writer;
    this.#policy = policy;
  }

  /** Whatever is no event of the writer is passed over. */
  addEvent(body: Uint8Array): void {
    const claim = claimIn(body, this.#writer);
    if (claim !== undefined) this.#leaves.add(claim);
  }

  addCheckpoint(note: string): void {
    const checkpoint = readCheckpoint(note);
    if (checkpoint?.writer !== this.#writer || checkpoint.size === 0 || checkpoint.size < this.#size) return;
    if ((this.#policy?.judge(note, checkpoint.origin) ?? "VALID") !== "VALID") return;
    if (checkpoint.size > this.#size) this.#last.clear();
    this.#size = checkpoint.size;
    const root = checkpoint.root.toString("hex");
    if (!this.#last.has(root)) this.#last.set(root, checkpoint);
  }

  /** Throws a {@link LogError}. */
  found(): WrittenLog {
    const size = this.#size;
    if (size === 0) throw this.#uncovered();
    for (const { edge, leafAt } of this.#leaves.trees([size], (index) => missing(index, size))) {
      const checkpoint = this.#last.get(rootOf(edge).toString("hex"));
      if (checkpoint !== undefined) return { checkpoint, leafAt };
    }
    throw new LogError(
      "CHECKPOINT_MISMATCH",
      `the checkpoint of ${counted(size, "event")} was made of others: see what signet audit verify says`,
    );
  }

  /** Why no checkpoint counts. */
  #uncovered(): LogError {
    const writer = this.#writer;
    if (this.#policy?.names(writer) === false)
      return new LogError("UNKNOWN_LOG", `the policy has no log of the writer ${writer}: signet audit keys`);
    if (this.#leaves.isEmpty) return new LogError("NOT_FOUND", `no event of a log of the writer ${writer} was read`);
    if (!this.#leaves.has(0))
      return new LogError("INCOMPLETE", `the writer's first event is missing: ${wayOutOfGap(0)}`);
    return new LogError("PENDING", `no checkpoint of the writer ${writer} covers an event`);
  }
}

/** The bodies of the log's events in their order, from all bodies that were read. Throws a {@link LogError}. */
export async function* entriesOf(
  { checkpoint: { writer, size }, leafAt }: WrittenLog,
  bodies: AsyncIterable<Uint8Array>,
  maxWaiting = MAX_WAITING,
): AsyncGenerator<Uint8Array> {
  const waiting = new Map<number, Uint8Array>();
  let next = 0;
  for await (const body of bodies) {
    const claim = claimIn(body, writer);
    if (claim === undefined || claim.index < next || claim.index >= size) continue;
    if (!claim.hash.equals(leafAt(claim.index))) continue;
    if (claim.index > next) {
      // A copy: the body may be a part of a large buffer.
      waiting.set(claim.index, Uint8Array.from(body));
      if (waiting.size > maxWaiting)
        throw new LogError("NO_ORDER", `more than ${maxWaiting} events come before one that they follow`);
      continue;
    }
    yield body;
    next += 1;
    for (let entry = waiting.get(next); entry !== undefined; entry = waiting.get(next)) {
      waiting.delete(next);
      yield entry;
      next += 1;
    }
    if (next === size) return;
  }
  throw missing(next, size);
}

function claimIn(body: Uint8Array, writer: string): Claim | undefined {
  const stored = parseLine(body);
  const entry = stored?.writer === writer ? readEntry(body, stored) : undefined;
  return entry && claimOf(entry);
}

function missing(index: number, size: number): LogError {
  return new LogError(
    "INCOMPLETE",
    `the checkpoint covers ${counted(size, "event")}, and the one with log index ${index} is missing: ${wayOutOfGap(index)}`,
  );
}
