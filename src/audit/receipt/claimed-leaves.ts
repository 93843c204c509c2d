import { type Edge, EMPTY_EDGE, grow } from "../tree/edge.ts";
import { EMPTY_ROOT, type TreeHash } from "../tree/hash.ts";
import { Leaves } from "../tree/leaves.ts";

/** What an event claims: a leaf at an index of a writer's log. */
export interface Claim {
  readonly index: number;
  readonly hash: TreeHash;
  /** As {@link linkOf} gives it. */
  readonly link: Buffer;
}

/** A tree that the events may have made. */
interface PossibleTree {
  readonly edge: Edge;
  /** The leaf at an index below the size of the edge. */
  readonly leafAt: (index: number) => TreeHash;
}

/** A possible tree while it grows. */
interface Branch {
  readonly edge: Edge;
  readonly last: Claim | undefined;
  /** Its choices among the claims of each place that has several. */
  readonly choices: Choice | undefined;
}

interface Choice {
  readonly claim: Claim;
  readonly before: Choice | undefined;
}

const PART_BYTES = 16;

/**
 * How an event links to its neighbours: parts of the SHA-256 of its own body and of the body before, both in base64. No
 * one makes an event with a given part, and the tree proves the rest.
 */
export function linkOf(own: string, previous: string): Buffer {
  const link = Buffer.alloc(2 * PART_BYTES);
  Buffer.from(own, "base64").copy(link, 0, 0, PART_BYTES);
  Buffer.from(previous, "base64").copy(link, PART_BYTES, 0, PART_BYTES);
  return link;
}

/**
 * The leaves that events claim in the log of one writer. Who can publish can claim any place, before the writer does or
 * behind it. But each event links to one before it: so there are no more possible trees of a size than events that claim
 * its last place, and all are found in one step for each event. It takes 66 bytes a leaf.
 */
export class ClaimedLeaves {
  readonly #hashes = new Leaves();
  readonly #links = new Leaves(2 * PART_BYTES);
  /** The further claims of places that have several. */
  readonly #rivals = new Map<number, readonly Claim[]>();

  add(claim: Claim): void {
    const { index, hash, link } = claim;
    const [first, ...rivals] = this.#at(index);
    if (first === undefined) {
      this.#hashes.put(index, hash);
      this.#links.put(index, link);
    } else if (![first, ...rivals].some((known) => known.hash.equals(hash)))
      this.#rivals.set(index, [...rivals, claim]);
  }

  /** The possible trees of each of `sizes`, which ascend, with `wanted` at its place. Throws `missing` of an empty one. */
  *trees(wanted: Claim, sizes: readonly number[], missing: (index: number) => Error): Generator<PossibleTree> {
    let branches: readonly Branch[] = [{ edge: EMPTY_EDGE, last: undefined, choices: undefined }];
    let index = 0;
    for (const size of sizes) {
      for (; index < size; index++) {
        const claims = index === wanted.index ? [wanted] : this.#at(index);
        if (claims.length === 0) throw missing(index);
        branches = this.#grown(branches, claims);
      }
      for (const { edge, choices } of branches) yield { edge, leafAt: this.#leavesWith(choices) };
    }
  }

  /** Where nothing is to be chosen the links are not asked: the tree proves more. */
  #grown(branches: readonly Branch[], claims: readonly Claim[]): readonly Branch[] {
    const isClear = branches.length === 1 && claims.length === 1;
    return claims.flatMap((claim) =>
      branches
        .filter(({ last }) => isClear || follows(claim, last))
        .map(({ edge, choices }) => ({
          edge: grow(edge, claim.hash),
          last: claim,
          choices: this.#rivals.has(claim.index) ? { claim, before: choices } : choices,
        })),
    );
  }

  #at(index: number): readonly Claim[] {
    const hash = this.#hashes.get(index);
    const link = this.#links.get(index);
    if (hash === undefined || link === undefined) return [];
    return [{ index, hash, link }, ...(this.#rivals.get(index) ?? [])];
  }

  #leavesWith(last: Choice | undefined): PossibleTree["leafAt"] {
    const chosen = new Map<number, TreeHash>();
    for (let choice = last; choice !== undefined; choice = choice.before)
      chosen.set(choice.claim.index, choice.claim.hash);
    return (index) => chosen.get(index) ?? this.#hashes.get(index) ?? EMPTY_ROOT;
  }
}

const NO_PART = Buffer.alloc(PART_BYTES);

/** A writer's first event links to none. */
function follows({ link }: Claim, before: Claim | undefined): boolean {
  return link.subarray(PART_BYTES).equals(before?.link.subarray(0, PART_BYTES) ?? NO_PART);
}
