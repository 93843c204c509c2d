import { decodeJwt } from "jose";
import { tally } from "../collect.ts";
import { verdictOf } from "../profiles/dialect.ts";
import { readError } from "../service/rich-error.ts";
import { verify } from "../service/service.ts";
import { waitUntil } from "../wait-until.ts";
import type { Replica } from "./replicas.ts";

const AT_ONCE = 32;
/** What is said of a token that is over: its key may be gone with it. */
const OVER = ["EXPIRED", "KEY_RETIRED", "UNKNOWN_KEY"];

/**
 * Counts the verdicts other than "valid", save that a token may be over: a busy machine may take longer for a test than
 * its tokens live. Empty if each of the others is valid on every replica.
 */
export async function badVerdicts(
  replicas: readonly Replica[],
  tokens: readonly string[],
): Promise<Partial<Record<string, number>>> {
  const bad: string[] = [];
  for (const replica of replicas) {
    let alive = 0;
    for (let at = 0; at < tokens.length; at += AT_ONCE) {
      const judge = async (token: string) => ({ token, verdict: await verdictOnceKnown(replica, token) });
      const judged = await Promise.all(tokens.slice(at, at + AT_ONCE).map(judge));
      const living = judged.filter(({ token, verdict }) => !(OVER.includes(verdict) && isOver(token)));
      alive += living.length;
      const wrong = living.filter(({ verdict }) => verdict !== "valid");
      bad.push(...wrong.map(({ verdict }) => `${verdict} on ${replica.name}`));
    }
    if (alive === 0) throw new Error(`no token is alive that ${replica.name} was to judge`);
  }
  return tally(bad);
}

function isOver(token: string): boolean {
  const { exp = Number.POSITIVE_INFINITY } = decodeJwt(token);
  return Date.now() >= exp * 1000;
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
