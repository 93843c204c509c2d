import test from "ava";
import type { SecretEpoch } from "../../../src/keys/imported/secret.ts";
import { type NewSecret, withSecret } from "../../../src/keys/imported/secret-ring.ts";
import { tidySecrets, type UpkeepParts } from "../../../src/keys/imported/upkeep.ts";
import { hour, start } from "../rotating/ring-under-test.ts";
import { acme } from "./secrets-under-test.ts";

const MINUTE = 60_000;

function secret(kid: string): NewSecret {
  const look = { encoding: "utf8", byteLength: 32, fingerprint: "f".repeat(16) } as const;
  return { kid, alg: "HS256", ...look, signFrom: start, sealed: `sealed-${kid}` };
}

function joined(before: SecretEpoch | undefined, kid: string, until: number): SecretEpoch {
  const next = withSecret(before, acme, secret(kid), until);
  if (typeof next === "string") throw new Error(next);
  return next;
}

/** The kids that have their text, and how long was slept, each time that it goes to sleep; time goes by only then. */
async function sleepsOf(ring: SecretEpoch, count: number, changes: Partial<UpkeepParts> = {}, stale = false) {
  let [record, now] = [ring, start];
  const [stopping, log] = [new AbortController(), [] as string[]];
  const parts: UpkeepParts = {
    rings: { all: () => [{ record, stale, msUntilMending: Infinity, blocked: false }] },
    advance: async (_owner, next) => {
      record = (await next(record)) ?? record;
    },
    now: () => now,
    tickMs: Infinity,
    changed: {
      wake() {},
      async wait(_signal, milliseconds = 0) {
        const open = record.secrets.filter(({ sealed }) => sealed !== undefined).map(({ kid }) => kid);
        log.push(`${open.join("+")} ${milliseconds}`);
        now += milliseconds;
        if (log.length === count) stopping.abort();
        return false;
      },
    },
    onError: (error) => log.push(String(error)),
    ...changes,
  };
  await tidySecrets(parts, stopping.signal);
  return log;
}

test("it wakes up when the next text is over, and drops it then, but once an hour at the latest", async (t) => {
  const ring = joined(joined(joined(undefined, "a", start), "b", start + MINUTE), "c", start + 2 * hour);
  const times = [`a+b+c ${MINUTE}`, `b+c ${hour}`, `b+c ${hour - MINUTE}`, `c ${hour}`, `c ${hour}`];
  t.deepEqual(await sleepsOf(ring, times.length), times);
});

test("what could not be done is reported and tried again after five seconds", async (t) => {
  const ring = joined(joined(undefined, "a", start), "b", start);
  const over = { ...ring, secrets: ring.secrets.map((one) => ({ ...one, sealed: "sealed" })) };
  const advance = () => Promise.reject(new Error("the store is away"));
  const twice = ["Error: the store is away", "a+b 5000", "Error: the store is away"];
  t.deepEqual((await sleepsOf(over, 4, { advance })).slice(0, 3), twice);
  const stale = await sleepsOf(joined(undefined, "a", start), 2, { advance }, true);
  t.deepEqual(stale, ["Error: the store is away", "a 5000"]);
});
