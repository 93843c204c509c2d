// Usage: SIGNET_ADDRESS=127.0.0.1:50051 SIGNET_HTTP=http://127.0.0.1:8081 node measure-batches.ts
// Prints the CPU time of one Reactive verification, in the gateway's process and in Signet's, each with a call of its own
// and in batches. The rounds alternate; "alone again" is the control: it shows how far two equal ways differ.
import { randomBytes } from "node:crypto";
import { ImportKeyRequest, SecretEncoding } from "./gen/signet/v1/keys.ts";
import { IssueTokenRequest, VerifyTokenRequest } from "./gen/signet/v1/token.ts";
import { VerifyBatches } from "./signet/batches.ts";
import { connectSignet } from "./signet/client.ts";

const ROUNDS = 10;
const VERIFICATIONS = 5_000;
/** As many as a gateway may have open at once when 1 000 viewers send five a second. */
const AT_ONCE = 200;

const signet = connectSignet(process.env);
const profile = "reactive";
const secret = randomBytes(32).toString("base64");
const encoding = SecretEncoding.SECRET_ENCODING_BASE64;
await signet.importKey(ImportKeyRequest.fromPartial({ profile, secret, encoding }));
const claims = { stream_id: "stream", unique_user_identifier: "viewer" };
const issued = await signet.issueToken(IssueTokenRequest.fromPartial({ profile, claims, clientIp: "127.0.0.1" }));
const request = VerifyTokenRequest.fromPartial({
  profile,
  audience: "stream",
  credential: { $case: "token", value: issued.token },
});
const batches = new VerifyBatches(signet);

const alone = () => signet.verifyToken(request);
const ways = { alone, batched: () => batches.verify(request), "alone again": alone };
const spent = new Map(Object.keys(ways).map((name) => [name, { gateway: [] as number[], signet: [] as number[] }]));

for (let round = 0; round <= ROUNDS; round += 1) {
  for (const [name, verify] of Object.entries(ways)) {
    const before = { gateway: process.cpuUsage(), signet: await cpuOfSignet() };
    await Promise.all(Array.from({ length: AT_ONCE }, () => oneAfterAnother(verify, VERIFICATIONS / AT_ONCE)));
    const { user, system } = process.cpuUsage(before.gateway);
    // The first round warms up.
    if (round === 0) continue;
    spent.get(name)?.gateway.push((user + system) / VERIFICATIONS);
    spent.get(name)?.signet.push(((await cpuOfSignet()) - before.signet) / VERIFICATIONS);
  }
}
const median = (values: readonly number[]) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
for (const [name, figures] of spent) {
  const [gateway, service] = [median(figures.gateway), median(figures.signet)];
  process.stdout.write(`${name}: ${gateway.toFixed(0)} µs in the gateway, ${service.toFixed(0)} µs in Signet\n`);
}
process.stdout.write(`the batches: ${JSON.stringify(batches.stats)}\n`);
signet.disconnect();

async function oneAfterAnother(verify: typeof alone, count: number): Promise<void> {
  for (let done = 0; done < count; done += 1) {
    const { valid } = await verify();
    if (!valid) throw new Error("the token is not valid");
  }
}

/** In microseconds. */
async function cpuOfSignet(): Promise<number> {
  const metrics = await (await fetch(`${process.env.SIGNET_HTTP || "http://127.0.0.1:8081"}/metrics`)).text();
  return Number(/^process_cpu_seconds_total (\S+)$/m.exec(metrics)?.[1]) * 1e6;
}
