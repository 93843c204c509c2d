import { tally } from "../collect.ts";
import { verdictOf } from "../profiles/dialect.ts";
import { verify } from "../service/service.ts";
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
      const verdicts = await Promise.all(some.map(async (token) => verdictOf(await verify(replica, token))));
      bad.push(...verdicts.filter((verdict) => verdict !== "valid").map((verdict) => `${verdict} on ${replica.name}`));
    }
  }
  return tally(bad);
}
