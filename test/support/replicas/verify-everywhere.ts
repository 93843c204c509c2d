import { tally } from "../collect.ts";
import { verdictOf } from "../profiles/dialect.ts";
import { readError } from "../service/rich-error.ts";
import { verify } from "../service/service.ts";
import { waitUntil } from "../wait-until.ts";
import type { Replica } from "./replicas.ts";

const AT_ONCE = 32;

/** Counts the verdicts other than "valid". Empty if every token is valid on every replica. */
export async function badVerdicts(
  replicas: readonly Replica[],
  tokens: readonly string[],
): Promise<Partial<Record<string, number>>> {
  const bad: string[] = [];
  for (const replica of replicas) {
    for (let at = 0; at < tokens.length; at += AT_ONCE) {
      const some = tokens.slice(at, at + AT_ONCE);
      const verdicts = await Promise.all(some.map((token) => verdictOnceKnown(replica, token)));
      bad.push(...verdicts.filter((verdict) => verdict !== "valid").map((verdict) => `${verdict} on ${replica.name}`));
    }
  }
  return tally(bad);
}

/** The verdict of a replica that may answer at first that it could not read the store in time. */
export async function verdictOnceKnown(replica: Replica, token: string): Promise<string> {
  let verdict = "";
  await waitUntil(`${replica.name} has a verdict`, async () => {
    const answer = await verify(replica, token).catch((error) => readError(error).reason);
    if (answer === "KEYS_UNAVAILABLE") return false;
    verdict = typeof answer === "object" ? verdictOf(answer) : (answer ?? "a failure without a reason");
    return true;
  });
  return verdict;
}
