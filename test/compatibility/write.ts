// Makes a set of data with the service of another checkout: node test/compatibility/write.ts CHECKOUT FOLDER
import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { SecretEncoding } from "../../src/gen/signet/v1/keys.ts";
import { findTool } from "../support/service/find-tool.ts";
import { freePort } from "../support/service/free-port.ts";
import { importKey, revokeKey } from "../support/service/key-calls.ts";
import { allForwarded, type RemoteService, startRemote } from "../support/service/remote-service.ts";
import { revokeTokens } from "../support/service/revoke-tokens.ts";
import { issue, verify } from "../support/service/service.ts";
import type { Ending } from "../support/service/shared.ts";
import { eulerToken } from "../support/sessions/euler-tokens.ts";
import { remoteSessions } from "../support/sessions/remote-sessions.ts";
import { ISSUER, USER } from "./fixture.ts";

/** Issues, revokes, uses up and opens what the tests look for. */
async function useAll(t: Ending, service: RemoteService) {
  const valid = await issue(service);
  const revoked = await issue(service);
  await revokeTokens(service, { tokenIds: [revoked.tokenId] });
  const ofSubject = await issue(service, { subject: "bob" });
  await revokeTokens(service, { subject: "bob" });
  const used = await issue(service);
  await verify(service, used.token, { consume: true });
  const secret = randomBytes(30).toString("base64url");
  await importKey(service, { profile: "viasocket", secret, encoding: SecretEncoding.SECRET_ENCODING_UTF8 });
  const imported = await issue(service, { profile: "viasocket", subject: "", audience: [], claims: USER });
  const keyRevoked = await eulerToken(service, 1);
  await revokeKey(service, keyRevoked.keyId);
  // Last, since its lease of 30 s must not have ended when the next version starts.
  const counted = await eulerToken(service, 1);
  const calls = remoteSessions(t, service);
  const call = { token: counted.token, gatewayId: "gateway-1", connectionId: "connection-1", leaseId: "" };
  const { sessionId } = await calls.open(call);
  return { tokens: { valid, revoked, ofSubject, used, imported, keyRevoked, counted }, sessionId };
}

/** Resolves with the answers of a service that was used and then stopped, and with when it had stopped. */
async function run(t: Ending, program: string, data: string, env: Record<string, string>) {
  const service = await startRemote(t, { program, data, env: { ...ISSUER, ...env } });
  const { tokens, sessionId } = await useAll(t, service);
  if (env.SIGNET_NATS_URL !== undefined) await allForwarded(service);
  await service.app.stop("SIGTERM");
  const answers = Object.entries(tokens).map(([name, { token, tokenId, keyId }]) => [name, { token, tokenId, keyId }]);
  return { time: Date.now(), sessionId, tokens: Object.fromEntries(answers) };
}

async function write(t: Ending, checkout: string, folder: string): Promise<void> {
  const program = join(checkout, "src", "main.ts");
  await mkdir(folder);
  const file = await run(t, program, join(folder, "file"), {});
  const port = String(await freePort());
  // A replica waits for it.
  const nats = spawn(findTool("nats-server") ?? "nats-server", [
    "-a",
    "127.0.0.1",
    "-p",
    port,
    "-js",
    "-sd",
    join(folder, "nats"),
  ]);
  t.teardown(() => nats.kill("SIGKILL"));
  const url = `nats://127.0.0.1:${port}`;
  const shared = { SIGNET_NATS_URL: url, SIGNET_STATE_STORE: "nats", SIGNET_STATE_FIRST_START: "true" };
  const replica = await run(t, program, join(folder, "replica"), shared);
  nats.kill("SIGTERM");
  await once(nats, "exit");
  await writeFile(join(folder, "answers.json"), `${JSON.stringify({ file, replica }, undefined, 2)}\n`);
}

const [checkout = "", folder = ""] = process.argv.slice(2);
const ends: (() => unknown)[] = [];
try {
  await write({ teardown: (end) => void ends.push(end) }, checkout, folder);
} finally {
  for (const end of ends.toReversed()) await end();
}
