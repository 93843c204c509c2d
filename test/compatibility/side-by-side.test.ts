import { execFile, spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import test from "ava";
import { tempFolder } from "../support/files/temp.ts";
import { trailFaults, trailOf } from "../support/nats/audit-trail.ts";
import { startNats, testWithNats } from "../support/nats/nats-server.ts";
import { verdictOf } from "../support/profiles/dialect.ts";
import { revokeKey } from "../support/service/key-calls.ts";
import { allForwarded, type RemoteService, startRemote } from "../support/service/remote-service.ts";
import { revokeTokens } from "../support/service/revoke-tokens.ts";
import { issue, verify } from "../support/service/service.ts";
import type { Ending } from "../support/service/shared.ts";
import { eulerToken } from "../support/sessions/euler-tokens.ts";
import { remoteSessions } from "../support/sessions/remote-sessions.ts";
import { waitUntil } from "../support/wait-until.ts";

/** The version before, which is a commit of this history. */
const BEFORE = "d3a4cd3";
const CHECKOUT = join(import.meta.dirname, "..", "..");

/** The sources of the version before, in a folder of their own, with the dependencies of this one. */
async function sourcesBefore(t: Ending): Promise<string> {
  const folder = await tempFolder(t);
  const archive = join(folder, "before.tar");
  const paths = ["package.json", "src", "proto", "profiles", "policies"];
  const run = promisify(execFile);
  await run("git", ["archive", "--output", archive, BEFORE, ...paths], { cwd: CHECKOUT });
  await run("tar", ["-xf", archive, "-C", folder]);
  await symlink(join(CHECKOUT, "node_modules"), join(folder, "node_modules"));
  return join(folder, "src", "main.ts");
}

/** Resolves when the replica gives this verdict on the token. */
function untilVerdict(service: RemoteService, token: string, verdict: string): Promise<void> {
  return waitUntil(`a token is ${verdict}`, async () => verdictOf(await verify(service, token)) === verdict);
}

// A tarball has no history, and a shallow clone may lack the commit.
const known = spawnSync("git", ["cat-file", "-e", `${BEFORE}^{commit}`], { cwd: CHECKOUT }).status === 0;
const inSoak: typeof testWithNats = (title, run) => {
  if (process.env.SOAK && known) testWithNats(title, run);
  else test.skip(`${title} (skipped: needs SOAK, and the commit ${BEFORE})`, run);
};

inSoak("replicas of this version and of the one before share keys, revocations, sessions and one stream", async (t) => {
  t.timeout(300_000, "it starts two services on a busy machine");
  const nats = await startNats(t);
  const kek = join(await tempFolder(t), "kek");
  await writeFile(kek, randomBytes(32).toString("base64url"), { mode: 0o600 });
  const env = {
    SIGNET_ISSUER: "https://tokens.example",
    SIGNET_NATS_URL: nats.url,
    SIGNET_STATE_STORE: "nats",
    SIGNET_STATE_FIRST_START: "true",
    SIGNET_KEK_FILE: kek,
  };
  const before = await startRemote(t, { program: await sourcesBefore(t), env });
  const now = await startRemote(t, { env });
  const ids: string[] = [];
  for (const [one, other] of [
    [before, now],
    [now, before],
  ] as const) {
    const [valid, revoked] = [await issue(one), await issue(one)];
    ids.push(valid.tokenId, revoked.tokenId);
    t.is(verdictOf(await verify(other, valid.token)), "valid");
    await revokeTokens(one, { tokenIds: [revoked.tokenId] });
    await untilVerdict(other, revoked.token, "REVOKED");
    await revokeKey(one, valid.keyId);
    await untilVerdict(other, valid.token, "KEY_REVOKED");

    const counted = await eulerToken(one, 1);
    ids.push(counted.tokenId);
    const call = { token: counted.token, connectionId: counted.tokenId, leaseId: "" };
    t.is((await remoteSessions(t, one).open({ ...call, gatewayId: "first" })).outcome, "opened");
    t.is((await remoteSessions(t, other).open({ ...call, gatewayId: "second" })).outcome, "TOO_MANY_SESSIONS");
  }
  await Promise.all([before, now].map(allForwarded));
  t.deepEqual(trailFaults(await trailOf(nats), ids), {});
});
