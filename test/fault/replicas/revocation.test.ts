import type { VerifyTokenResponse } from "../../../src/gen/signet/v1/token.ts";
import { serialTestWithNats, startNats } from "../../support/nats/nats-server.ts";
import { startTcpProxy } from "../../support/nats/tcp-proxy.ts";
import { verdictOf } from "../../support/profiles/dialect.ts";
import { issueShort } from "../../support/replicas/replica-tokens.ts";
import { replicaSet } from "../../support/replicas/replicas.ts";
import { startLoad } from "../../support/service/load.ts";
import { revokeTokens } from "../../support/service/revoke-tokens.ts";
import { verify } from "../../support/service/service.ts";
import { waitUntil } from "../../support/wait-until.ts";

const STORM = 8;
/** Within so many milliseconds a replica that is connected knows what was revoked. */
const PROMISED = 1_000;
/** No key changes while tokens are looked at. */
const SLOW = { period: 600_000 };

for (const [title, cut, heal] of [
  ["whose connections were cut", "cut", "heal"],
  ["that hears nothing on open connections", "hold", "release"],
] as const) {
  serialTestWithNats(
    `under a storm, a replica ${title} reports the true age of its view, and catches up`,
    async (t) => {
      const nats = await startNats(t);
      const proxy = await startTcpProxy(t, nats.url);
      const replicas = await (await replicaSet(t, [nats.url, nats.url, proxy.url], SLOW)).startAll(3);
      const [one, two, cutOff] = replicas;
      if (one === undefined || two === undefined || cutOff === undefined) return;
      const { token, tokenId } = await issueShort(one);
      const kept = (await issueShort(two)).token;
      const seen: Seen[] = [];
      const storm = startLoad(STORM, async () => {
        const askedAt = Date.now();
        const answer = await verify(cutOff, token);
        seen.push({ askedAt, verdict: verdictOf(answer), ageMs: ageOf(answer) });
      });
      await storm.more(100);

      proxy[cut]();
      await revokeTokens(one, { tokenIds: [tokenId] });
      const revokedAt = Date.now();
      await waitUntil("the other replica knows", async () => verdictOf(await verify(two, token)) === "REVOKED");
      await waitUntil("the view is seconds old", () => (seen.at(-1)?.ageMs ?? 0) > 3_000);
      const away = seen.slice();
      proxy[heal]();
      await waitUntil("the token is revoked", () => seen.at(-1)?.verdict === "REVOKED");
      await waitUntil("the view is as good as current", () => (seen.at(-1)?.ageMs ?? PROMISED) < PROMISED);
      await storm.stop();

      t.log(`${seen.length} answers, the oldest view ${Math.max(...seen.map(({ ageMs }) => ageMs))} ms`);
      t.deepEqual([...new Set(away.map(({ verdict }) => verdict))], ["valid"], "negative control: it was cut off");
      const lies = seen.filter(
        ({ askedAt, ageMs, verdict }) => verdict === "valid" && askedAt - ageMs > revokedAt + PROMISED,
      );
      t.deepEqual(lies, [], "whose view is younger than the revocation knows it");
      t.is(verdictOf(await verify(cutOff, kept)), "valid", "negative control: nothing else was revoked");
    },
  );
}

interface Seen {
  readonly askedAt: number;
  readonly verdict: string;
  readonly ageMs: number;
}

function ageOf({ revocationViewAge }: VerifyTokenResponse): number {
  if (revocationViewAge === undefined) throw new Error("the answer does not say how old its view is");
  return Number(revocationViewAge.seconds) * 1000 + revocationViewAge.nanos / 1_000_000;
}
