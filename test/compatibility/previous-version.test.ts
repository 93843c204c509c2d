import { createHash } from "node:crypto";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { fileURLToPath } from "node:url";
import test, { type ExecutionContext } from "ava";
import { restoreKeys } from "../../src/app/keys/key-backup.ts";
import { loadConfig } from "../../src/config/load.ts";
import { type IssueTokenRequest, rejectionReasonToJSON } from "../../src/gen/signet/v1/token.ts";
import { tempFolder } from "../support/files/temp.ts";
import { trailFaults, trailOf } from "../support/nats/audit-trail.ts";
import { connect } from "../support/nats/connect.ts";
import { startNats, testWithNats } from "../support/nats/nats-server.ts";
import { get } from "../support/service/get.ts";
import { issue, listKeys, type Service, startService, testEnv, verify } from "../support/service/service.ts";
import { waitUntil } from "../support/wait-until.ts";
import answers from "./0.1.0/answers.json" with { type: "json" };
import { clockAfter, copyOf, ISSUER, USER } from "./fixture.ts";
import { bodiesOf } from "./segment-bodies.ts";

const FIXTURE = fileURLToPath(new URL("0.1.0/", import.meta.url));
const AUDIENCE: Readonly<Record<string, string>> = { service: "api://orders" };
const VENDOR: Partial<IssueTokenRequest> = {
  profile: "viasocket",
  subject: "",
  audience: [],
  claims: USER,
};

interface Answer {
  readonly profile: string;
  readonly token: string;
}

/** A data folder that has nothing but the KEK of the fixture's. */
async function emptyFolder(t: ExecutionContext): Promise<string> {
  const data = await tempFolder(t);
  await writeFile(join(data, "kek"), await readFile(join(FIXTURE, "file", "kek")), { mode: 0o600 });
  return data;
}

function start(
  t: ExecutionContext,
  data: string,
  { time }: { readonly time: number },
  env: Readonly<Record<string, string>> = {},
): Promise<Service> {
  return startService(t, { data, env: { ...ISSUER, ...env }, surroundings: { now: clockAfter(time) } });
}

/** "valid", or the reason of the rejection. */
async function verdictOf(service: Service, { profile, token }: Answer): Promise<string> {
  const context = profile === "viasocket" ? USER : undefined;
  const { valid, rejection } = await verify(service, token, { profile, audience: AUDIENCE[profile] ?? "", context });
  return valid ? "valid" : rejectionReasonToJSON(rejection?.reason ?? 0);
}

async function verdictsOf(service: Service, tokens: Readonly<Record<string, Answer | number>>) {
  const verdicts: Record<string, string> = {};
  for (const [name, answer] of Object.entries(tokens))
    if (typeof answer !== "number") verdicts[name] = await verdictOf(service, answer);
  return verdicts;
}

const FILE_VERDICTS = {
  valid: "valid",
  revoked: "REJECTION_REASON_REVOKED",
  imported: "valid",
  keyRevoked: "REJECTION_REASON_KEY_REVOKED",
};

async function storedKeys(url: string): Promise<string[]> {
  const connection = await connect({ servers: url });
  try {
    const manager = await connection.jetstreamManager();
    const { state } = await manager.streams.info("KV_signet", { subjects_filter: ">" });
    return Object.keys(state.subjects ?? {}).map((subject) => subject.replace("$KV.signet.", ""));
  } finally {
    await connection.close();
  }
}

/**
 * Flips one bit in the middle of an entry, and with `withChecksum` mends the entry's checksum, as an attacker would.
 */
function flipBit(database: string, key: string, withChecksum: boolean): void {
  const db = new DatabaseSync(database);
  const { value, revision } = db.prepare("SELECT value, revision FROM entries WHERE key = ?").get(key) ?? {};
  if (!(value instanceof Uint8Array)) throw new Error(`there is no entry ${key}`);
  const changed = Buffer.from(value);
  const middle = Math.floor(changed.length / 2);
  changed.writeUInt8(changed.readUInt8(middle) ^ 1, middle);
  db.prepare("UPDATE entries SET value = ? WHERE key = ?").run(changed, key);
  const checksum = createHash("sha256")
    .update(JSON.stringify([key, revision, null]))
    .update(changed)
    .digest();
  if (withChecksum) db.prepare("UPDATE entries SET checksum = ? WHERE key = ?").run(checksum, key);
  db.close();
}

testWithNats(
  "a data folder of 0.1.0 opens: verdicts, keys and secrets stay, and its events go on to NATS",
  async (t) => {
    const nats = await startNats(t);
    const data = await copyOf(t, "0.1.0", "file");
    const old = bodiesOf(await readFile(join(data, "spool", "0000000000000001.segment")));
    t.true(old.length > 5);
    const service = await start(t, data, answers.file, { SIGNET_NATS_URL: nats.url });
    t.deepEqual(await verdictsOf(service, answers.file), FILE_VERDICTS);

    const own = await issue(service, { audience: ["api://orders"] });
    t.is(own.keyId, answers.file.valid.keyId);
    t.is(await verdictOf(service, own), "valid");
    const vendors = await issue(service, VENDOR);
    t.is(vendors.keyId, answers.file.imported.keyId);
    t.is(await verdictOf(service, vendors), "valid");

    const ids = [answers.file.valid, answers.file.revoked, answers.file.imported, own, vendors].map(
      ({ tokenId }) => tokenId,
    );
    const trail = async () => (await trailOf(nats)).map(({ body }) => Buffer.from(body).toString());
    await waitUntil("the last event is forwarded", async () =>
      (await trail()).some((body) => body.includes(vendors.tokenId)),
    );
    t.deepEqual((await trail()).slice(0, old.length), old);
    const first = JSON.parse((await trail())[old.length] ?? "");
    const { writer: predecessor } = JSON.parse(old[0] ?? "");
    t.like(first, { logIndex: "0", epoch: "1", writerOpened: { reason: "UPGRADED", predecessor } });
    t.deepEqual(trailFaults(await trailOf(nats), ids), {}, "the chain of the old events, and the log of the new ones");
  },
);

test("an export of 0.1.0 restores into an empty folder", async (t) => {
  const data = await emptyFolder(t);
  const config = loadConfig({ env: testEnv(data, ISSUER) });
  await restoreKeys(config, join(FIXTURE, "keys.signet"), clockAfter(answers.file.time));
  const service = await start(t, data, answers.file);
  t.deepEqual(await verdictsOf(service, answers.file), FILE_VERDICTS);
  t.is((await issue(service)).keyId, answers.file.valid.keyId);
  t.is((await issue(service, VENDOR)).keyId, answers.file.imported.keyId);
});

testWithNats("a replica's folder of 0.1.0 fills an empty bucket with its ring, secrets and revocations", async (t) => {
  const nats = await startNats(t);
  const data = await copyOf(t, "0.1.0", "replica");
  const env = { SIGNET_NATS_URL: nats.url, SIGNET_STATE_STORE: "nats" };
  // It issues nothing, since its clock differs from that of this server.
  const service = await start(t, data, answers.replica, env);
  await waitUntil("the keys are read", async () => (await get(`${service.url}/.well-known/jwks.json`)).ok);
  t.deepEqual(await verdictsOf(service, answers.replica), {
    valid: "valid",
    revoked: "REJECTION_REASON_REVOKED",
    imported: "valid",
  });
  t.true((await listKeys(service, "service")).keys.some(({ keyId }) => keyId === answers.replica.valid.keyId));
  const prefixes = ["keys.service.", "keys.euler-stream.", "secrets.viasocket.", "revoked.token."];
  await waitUntil("the bucket is filled", async () => {
    const stored = await storedKeys(nats.url);
    return prefixes.every((prefix) => stored.some((key) => key.startsWith(prefix)));
  });
});

test("negative control: a ring of 0.1.0 with one flipped bit is refused, also under a right checksum", async (t) => {
  for (const [withChecksum, code] of [
    [false, "CORRUPT"],
    [true, "BROKEN_RECORD"],
  ] as const) {
    const data = await copyOf(t, "0.1.0", "file");
    flipBit(join(data, "state", "state.db"), "keys/service/epoch/1", withChecksum);
    await t.throwsAsync(start(t, data, answers.file), { code });
  }
});

test("negative control: an export of 0.1.0 with one flipped bit is refused", async (t) => {
  const data = await emptyFolder(t);
  const config = loadConfig({ env: testEnv(data, ISSUER) });
  const file = join(await tempFolder(t), "keys.signet");
  const content = await readFile(join(FIXTURE, "keys.signet"));
  const middle = Math.floor(content.length / 2);
  content.writeUInt8(content.readUInt8(middle) ^ 1, middle);
  await writeFile(file, content, { mode: 0o600 });
  await t.throwsAsync(restoreKeys(config, file, clockAfter(answers.file.time)), { code: "BROKEN_RECORD" });
  t.deepEqual(await readdir(data), ["kek"]);
});
