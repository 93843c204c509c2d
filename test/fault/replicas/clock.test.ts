import type { ExecutionContext } from "ava";
import { serialTestWithNats, startNats } from "../../support/nats/nats-server.ts";
import { verdictOf } from "../../support/profiles/dialect.ts";
import { issueEverywhere, issueShort } from "../../support/replicas/replica-tokens.ts";
import { type Replica, replicaSet, untilReady } from "../../support/replicas/replicas.ts";
import { watchRings } from "../../support/replicas/ring-witness.ts";
import { badVerdicts } from "../../support/replicas/verify-everywhere.ts";
import { boundByRounds } from "../../support/rounds.ts";
import { startLoad } from "../../support/service/load.ts";
import { failureOf } from "../../support/service/rich-error.ts";
import { listKeys, verify } from "../../support/service/service.ts";
import { waitUntil } from "../../support/wait-until.ts";

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const JUMPS = [HOUR, -HOUR, DAY, -DAY];

serialTestWithNats("a clock that jumps stops its replica from issuing, and harms no ring and no token", async (t) => {
  boundByRounds(t);
  const nats = await startNats(t);
  const replicas = await (await replicaSet(t, [nats.url])).startAll(3);
  const [jumping, ...others] = replicas;
  if (jumping === undefined) return;
  const witness = watchRings(replicas);
  const load = startLoad(1, async () => {
    const bad = await badVerdicts(others, await issueEverywhere(others));
    if (Object.keys(bad).length > 0) throw new Error(JSON.stringify(bad));
  });
  for (const ahead of JUMPS) {
    const tokens = [...(await issueEverywhere(replicas))];
    await jumping.setClock(ahead);
    t.is((await failureOf(issueShort(jumping))).reason, "CLOCK_DIFFERS", `the very next token, ${ahead} ms ahead`);
    t.regex(await jumping.waitsFor(), /the clock of this replica is/);
    await untilRotated(others);
    t.is((await failureOf(issueShort(jumping))).reason, "CLOCK_DIFFERS", `${ahead} ms ahead`);
    tokens.push(...(await issueEverywhere(others)));
    t.deepEqual(await badVerdicts(others, tokens), {});
    await requireSoundTimes(t, others);
    await jumping.setClock(0);
    await untilReady(jumping);
    t.deepEqual(
      await badVerdicts(replicas, [...tokens, ...(await issueEverywhere(replicas))]),
      {},
      `${ahead} ms ahead`,
    );
  }
  await load.stop();
  t.deepEqual(await witness.stop(), {});
});

async function untilRotated([replica]: readonly Replica[]): Promise<void> {
  if (replica === undefined) return;
  const { keyId } = await issueShort(replica);
  await waitUntil("another key signs", async () => (await issueShort(replica)).keyId !== keyId);
}

/** No wrong clock has made a key whose time is never near. */
async function requireSoundTimes(t: ExecutionContext, [replica]: readonly Replica[]): Promise<void> {
  if (replica === undefined) return;
  const { keys } = await listKeys(replica, "service");
  const distances = keys.flatMap(({ signFrom }) =>
    signFrom === undefined ? [] : [Math.abs(Number(signFrom) - Date.now())],
  );
  t.true(Math.max(...distances) < HOUR / 2, `sign_from is up to ${Math.max(...distances)} ms away`);
}

serialTestWithNats(
  "negative control: where clocks may differ by two days, a token of a clock that jumped is refused elsewhere",
  async (t) => {
    const nats = await startNats(t);
    const lax = { skew: 2 * DAY, period: 10 * DAY };
    const replicas = await (await replicaSet(t, [nats.url], lax)).startAll(2);
    const [jumping, other] = replicas;
    if (jumping === undefined || other === undefined) return;
    await jumping.setClock(HOUR);
    await untilReady(jumping);
    const { token } = await issueShort(jumping);
    t.is(verdictOf(await verify(other, token)), "NOT_YET_VALID");
  },
);
