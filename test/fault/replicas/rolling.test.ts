import { type ChannelOptions, credentials, status } from "@grpc/grpc-js";
import type { ExecutionContext } from "ava";
import { TokenServiceClient } from "../../../src/gen/signet/v1/token.ts";
import { serialTestWithNats, startNats } from "../../support/nats/nats-server.ts";
import { verdictOf } from "../../support/profiles/dialect.ts";
import { issueShort } from "../../support/replicas/replica-tokens.ts";
import { type Replica, type ReplicaSet, replicaSet, untilReady } from "../../support/replicas/replicas.ts";
import { badVerdicts } from "../../support/replicas/verify-everywhere.ts";
import { boundByRounds, rounds } from "../../support/rounds.ts";
import { type Load, startLoad } from "../../support/service/load.ts";
import { type Service, verifyOnce } from "../../support/service/service.ts";

const WORKERS = 4;
/** Keys that turn during the test on all but the fastest machine, and tokens that outlive it on a busy one. */
const ROTATION = { period: 20_000, maxTtl: 360_000 };
const TTL_SECONDS = 300n;
const NAMES = ["replica-1", "replica-2", "replica-3"];

/** Calls every replica in turn, as README.md says, and once more where one is not there. */
const RETRYING = {
  "grpc.service_config": JSON.stringify({
    loadBalancingConfig: [{ round_robin: {} }],
    methodConfig: [
      {
        name: [{ service: "signet.v1.TokenService" }],
        retryPolicy: {
          maxAttempts: 5,
          initialBackoff: "0.1s",
          maxBackoff: "1s",
          backoffMultiplier: 2,
          retryableStatusCodes: ["UNAVAILABLE"],
        },
      },
    ],
  }),
};

serialTestWithNats(
  "all replicas are restarted in turn under load: no call fails, and every token is valid on every replica",
  async (t) => {
    boundByRounds(t);
    const { set, tokens, client } = await underLoad(t, RETRYING, NAMES);
    for (let round = 0; round < rounds(1); round++) {
      for (const name of NAMES) {
        await restart(t, set, name);
        await client.more(20);
      }
    }
    await client.stop();
    t.log(`${tokens.length} tokens`);
    t.true(tokens.length > 20 * NAMES.length);
    t.deepEqual(await badVerdicts([...set.running.values()], tokens.slice(-1000)), {});
  },
);

serialTestWithNats(
  "negative control: a client of one replica, which does not retry, is refused while that is restarted",
  async (t) => {
    const { set, client } = await underLoad(t, {}, NAMES.slice(0, 1));
    await restart(t, set, NAMES[0] ?? "");
    const [failure] = await client.ended;
    t.like(failure, { code: status.UNAVAILABLE });
  },
);

interface Running {
  readonly start: ReplicaSet["start"];
  readonly running: Map<string, Replica>;
}

/** Three replicas, and a client of the named ones that issues and verifies until something fails. */
async function underLoad(t: ExecutionContext, options: ChannelOptions, names: readonly string[]) {
  const nats = await startNats(t);
  const set = await replicaSet(t, [nats.url], ROTATION);
  const running = new Map((await set.startAll(NAMES.length)).map((replica) => [replica.name, replica]));
  const addresses = names.map((name) => running.get(name)?.process.grpc);
  const tokens: string[] = [];
  const service = connect(t, `ipv4:${addresses.join()}`, options);
  const client: Load = startLoad(WORKERS, async () => {
    const { token } = await issueShort(service, TTL_SECONDS);
    const verdict = verdictOf(await verifyOnce(service, token));
    if (verdict !== "valid") throw new Error(`a token that was just issued is ${verdict}`);
    tokens.push(token);
  });
  await client.more(20);
  return { set: { start: set.start, running }, tokens, client };
}

function connect(t: ExecutionContext, target: string, options: ChannelOptions): Pick<Service, "tokens"> {
  const tokens = new TokenServiceClient(target, credentials.createInsecure(), options);
  t.teardown(() => tokens.close());
  return { tokens };
}

async function restart(t: ExecutionContext, { start, running }: Running, name: string): Promise<void> {
  t.is(await running.get(name)?.process.stop(), 0, name);
  const again = await start(name);
  await untilReady(again);
  running.set(name, again);
}
