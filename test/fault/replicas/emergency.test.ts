import { type ServiceError, status } from "@grpc/grpc-js";
import type { RevokeKeyResponse } from "../../../src/gen/signet/v1/keys.ts";
import { serialTestWithNats, startNats } from "../../support/nats/nats-server.ts";
import { startTcpProxy } from "../../support/nats/tcp-proxy.ts";
import { verdictOf } from "../../support/profiles/dialect.ts";
import { issueEverywhere, issueShort } from "../../support/replicas/replica-tokens.ts";
import { type Replica, replicaSet } from "../../support/replicas/replicas.ts";
import { badVerdicts } from "../../support/replicas/verify-everywhere.ts";
import { boundByRounds } from "../../support/rounds.ts";
import { get } from "../../support/service/get.ts";
import { planRotation, revokeKey } from "../../support/service/key-calls.ts";
import { verify } from "../../support/service/service.ts";
import { waitUntil } from "../../support/wait-until.ts";

serialTestWithNats(
  "a key is revoked on one replica: by the answer the standby signs on all, and its tokens are KEY_REVOKED",
  async (t) => {
    const nats = await startNats(t);
    const replicas = await (await replicaSet(t, [nats.url], SLOW)).startAll(3);
    const [one] = replicas;
    if (one === undefined) return;
    const { before, standbyKeyId, answer } = await heardInTime(async () => {
      const before = await issueEverywhere(replicas);
      const { activeKeyId, standbyKeyId } = await planRotation(one);
      t.deepEqual(await badVerdicts(replicas, before), {});
      return { before, standbyKeyId, answer: await revokeKey(one, activeKeyId) };
    }, 3);

    t.is(answer.signingKeyId, standbyKeyId);
    t.deepEqual(answer.replicasLate, []);
    for (const replica of replicas) {
      for (const token of before) t.is(verdictOf(await verify(replica, token)), "KEY_REVOKED", replica.name);
      t.is((await issueShort(replica)).keyId, standbyKeyId, replica.name);
    }
    t.deepEqual(await badVerdicts(replicas, await issueEverywhere(replicas)), {});
    const after = await planRotation(one);
    t.not(after.standbyKeyId, standbyKeyId, "a new standby is published");
    t.not(after.standbyKeyId, "");
  },
);

serialTestWithNats(
  "negative control: a replica that is cut off is named as late and takes the tokens still, until it is back",
  async (t) => {
    const nats = await startNats(t);
    const proxy = await startTcpProxy(t, nats.url);
    const replicas = await (await replicaSet(t, [nats.url, nats.url, proxy.url], SLOW)).startAll(3);
    const [one, , cutOff] = replicas;
    if (one === undefined || cutOff === undefined) return;
    const { token } = await issueShort(one);
    proxy.cut();

    const { answer } = await heardInTime(() => revokeSigner(one), 2);

    t.is(answer.replicasLate.length, 1);
    t.is(verdictOf(await verify(cutOff, token)), "valid");
    proxy.heal();
    await waitUntil("it is back", async () => verdictOf(await verify(cutOff, token)) === "KEY_REVOKED");
    await waitUntil("it signs as the others do", async () => (await issueShort(cutOff)).keyId === answer.signingKeyId);
  },
);

serialTestWithNats(
  "a replica that is cut off for so long that it counts as dead is named as late as well",
  async (t) => {
    boundByRounds(t);
    const nats = await startNats(t);
    const proxy = await startTcpProxy(t, nats.url);
    const replicas = await (await replicaSet(t, [nats.url, nats.url, proxy.url], SLOW)).startAll(3);
    const [one, two, cutOff] = replicas;
    if (one === undefined || two === undefined || cutOff === undefined) return;
    const { keyId } = await issueShort(one);
    proxy.cut();
    const metrics = async () => (await get(`${one.url}/metrics`)).text();
    await waitUntil("two live", async () => /^signet_replicas_live 2$/m.test(await metrics()));
    t.is((await issueShort(cutOff)).keyId, keyId, "it goes on issuing");

    const { answer } = await heardInTime(() => revokeSigner(one), 2);

    t.is(answer.replicasLate.length, 1);
    t.false(answer.replicasInformed.includes(answer.replicasLate[0] ?? ""));
  },
);

async function revokeSigner(replica: Replica): Promise<{ readonly answer: RevokeKeyResponse }> {
  return { answer: await revokeKey(replica, (await issueShort(replica)).keyId) };
}

/**
 * Revokes again and again until the answer says that so many replicas have heard of it: it waits for them for a second,
 * and for NATS for two, and a busy machine may need longer.
 */
async function heardInTime<Outcome extends { readonly answer: RevokeKeyResponse }>(
  revoke: () => Promise<Outcome>,
  replicas: number,
): Promise<Outcome> {
  let outcome: Outcome | undefined;
  await waitUntil(`${replicas} replicas have heard of it`, async () => {
    outcome = await revoke().catch((error: ServiceError) => {
      if (error.code !== status.UNAVAILABLE) throw error;
      return undefined;
    });
    return outcome?.answer.replicasInformed.length === replicas;
  });
  return outcome as Outcome;
}

/** No key but the revoked one changes while it is looked at. */
const SLOW = { period: 600_000 };
