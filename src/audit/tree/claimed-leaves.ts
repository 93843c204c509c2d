import { type Edge, EMPTY_EDGE, grow } from "./edge.ts";
import { EMPTY_ROOT, type TreeHash } from "./hash.ts";
import { Leaves } from "./leaves.ts";

/** What an event claims: a leaf at an index of a writer's log. */
export interface Claim {
  readonly index: number;
  readonly hash: TreeHash;
  /** How the event links to its neighbours. */
  readonly link: Buffer;
}

/** An event as a reader understands it: hashes in base64, but that of the leaf, which is in Latin-1. */
interface ReadEvent {
  readonly hash: string;
  readonly prevHash: string;
  readonly leaf: { readonly index: number; readonly hash: string } | undefined;
}

/** A tree that the events may have made. */
interface PossibleTree {
  readonly edge: Edge;
  /** The leaf at an index below the size of the edge. */
  readonly leafAt: (index: number) => TreeHash;
  /** The first claim in it that is wanted. */
  readonly wanted: Claim | undefined;
}

/** A possible tree while it grows. */
interface Branch {
  readonly edge: Edge;
  readonly last: Claim | undefined;
  /** Its choices among the claims of each place that has several. */
  readonly choices: Choice | undefined;
  readonly wanted: Claim | undefined;
}

interface Choice {
  readonly claim: Claim;
  readonly before: Choice | undefined;
}

const ROOT: Branch = { edge: EMPTY_EDGE, last: undefined, choices: undefined, wanted: undefined };

const PART_BYTES = 16;

/** What to do where the event with this index is the first that is missing. */
export function wayOutOfGap(index: number): string {
  const files = "name all files, those of the archive too";
  // What comes before it was read: a file between others is missing, or the log itself has a gap.
  return index === 0 ? files : `${files}, or see what signet audit verify says`;
}

/** Undefined for an event of a version that had no log. */
export function claimOf({ hash, prevHash, leaf }: ReadEvent): Claim | undefined {
  return leaf && { index: leaf.index, hash: Buffer.from(leaf.hash, "latin1"), link: linkOf(hash, prevHash) };
}

/**
 * Parts of the SHA-256 of an event's own body and of the body before. No one makes an event with a given part, and the
 * tree proves the rest.
 */
function linkOf(own: string, previous: string): Buffer {
  const link = Buffer.alloc(2 * PART_BYTES);
  Buffer.from(own, "base64").copy(link, 0, 0, PART_BYTES);
  Buffer.from(previous, "base64").copy(link, PART_BYTES, 0, PART_BYTES);
  return link;
}

/**
 * The leaves that events claim in the log of one writer. Who can publish can claim any place, before the writer does or
 * behind it. But each event links to one before it: so there are no more possible trees of a size than events that claim
 * its last place, and all are found in one step for each event. It takes 66 bytes a leaf of a whole log, and less than
 * 1.5 KB for a claim elsewhere.
 */
export class ClaimedLeaves {
  readonly #hashes = new Leaves();
  readonly #links = new Leaves(2 * PART_BYTES);
  /** The further claims of places that have several, by their hashes: others can publish many of one place. */
  readonly #rivals = new Map<number, Map<string, Claim>>();
  #isEmpty = true;

  add(claim: Claim): void {
    const { index, hash, link } = claim;
    this.#isEmpty = false;
    const first = this.#hashes.get(index);
    if (first === undefined) {
      this.#hashes.put(index, hash);
      this.#links.put(index, link);
    } else if (!first.equals(hash)) {
      const rivals = this.#rivals.get(index) ?? new Map<string, Claim>();
      this.#rivals.set(index, rivals.set(hash.toString("latin1"), claim));
    }
  }

  /** Whether an event claims this place. */
  has(index: number): boolean {
    return this.#hashes.get(index) !== undefined;
  }

  /** Whether an event claims any place. */
  get isEmpty(): boolean {
    return this.#isEmpty;
  }

  /**
   * The possible trees of each of `sizes`, which ascend, each with the first claim in it that is wanted. Throws `missing`
   * of a place without a claim.
   */
  *trees(
    sizes: readonly number[],
    missing: (index: number) => Error,
    isWanted: (claim: Claim) => boolean = () => false,
  ): Generator<PossibleTree> {
    let branches: readonly Branch[] = [ROOT];
    let index = 0;
    for (const size of sizes) {
      for (; index < size; index++) {
        const claims = this.#at(index);
        if (claims.length === 0) throw missing(index);
        branches = grown(branches, claims, isWanted);
      }
      for (const { edge, choices, wanted } of branches) yield { edge, leafAt: this.#leavesWith(choices), wanted };
    }
  }

  #at(index: number): readonly Claim[] {
    const hash = this.#hashes.get(index);
    const link = this.#links.get(index);
    if (hash === undefined || link === undefined) return [];
    return [{ index, hash, link }, ...(this.#rivals.get(index)?.values() ?? [])];
  }

  /** The choices are gathered for the first leaf: no leaf is asked of a tree whose hash is not the wanted one. */
  #leavesWith(last: Choice | undefined): PossibleTree["leafAt"] {
    let chosen: ReadonlyMap<number, TreeHash> | undefined;
    return (index) => {
      chosen ??= new Map(choicesUpTo(last));
      return chosen.get(index) ?? this.#hashes.get(index) ?? EMPTY_ROOT;
    };
  }
}

function* choicesUpTo(last: Choice | undefined): Generator<[index: number, hash: TreeHash]> {
  for (let choice = last; choice !== undefined; choice = choice.before) yield [choice.claim.index, choice.claim.hash];
}

/** A writer's first event links to none. */
const NO_PART = "\0".repeat(PART_BYTES);

/** Each claim goes on where it links to. Where nothing is to be chosen the links are not asked: the tree proves more. */
function grown(
  branches: readonly Branch[],
  claims: readonly Claim[],
  isWanted: (claim: Claim) => boolean,
): readonly Branch[] {
  const isChoice = claims.length > 1;
  if (branches.length === 1 && !isChoice)
    return claims.flatMap((claim) => branches.map((branch) => grownBy(branch, claim, isChoice, isWanted)));
  const byLast = Map.groupBy(branches, ({ last }) => last?.link.toString("latin1", 0, PART_BYTES) ?? NO_PART);
  return claims.flatMap((claim) =>
    (byLast.get(claim.link.toString("latin1", PART_BYTES)) ?? []).map((branch) =>
      grownBy(branch, claim, isChoice, isWanted),
    ),
  );
}

function grownBy(
  { edge, choices, wanted }: Branch,
  claim: Claim,
  isChoice: boolean,
  isWanted: (claim: Claim) => boolean,
): Branch {
  return {
    edge: grow(edge, claim.hash),
    last: claim,
    choices: isChoice ? { claim, before: choices } : choices,
    wanted: wanted ?? (isWanted(claim) ? claim : undefined),
  };
}
