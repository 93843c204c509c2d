/** What the rounds yielded during which the machine was quiet. */
export interface Rounds<Result> {
  readonly kept: readonly Result[];
  readonly discarded: number;
}

/** How many rounds may be discarded for each that is wanted, before a machine counts as never quiet. */
const DISCARDS = 3;

/**
 * Runs rounds until `wanted` of them had a quiet machine before and after. The others are discarded, so that a
 * disturbance costs time and not the result; after too many of them there are fewer rounds than wanted, or none.
 */
export async function quietRounds<Result>(
  wanted: number,
  isQuiet: () => Promise<boolean>,
  round: (number: number) => Promise<Result>,
): Promise<Rounds<Result>> {
  const kept: Result[] = [];
  let discarded = 0;
  let wasQuiet = await isQuiet();
  while (kept.length < wanted && discarded < wanted * DISCARDS) {
    const result = await round(kept.length + discarded);
    const isQuietNow = await isQuiet();
    if (wasQuiet && isQuietNow) kept.push(result);
    else discarded += 1;
    wasQuiet = isQuietNow;
  }
  return { kept, discarded };
}
