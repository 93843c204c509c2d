import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { fileURLToPath } from "node:url";
import test from "ava";
import type { NatsConnection } from "nats";
import { configDigests } from "../../src/app/digests.ts";
import { loadConfig } from "../../src/config/load.ts";
import { SecretEncoding } from "../../src/gen/signet/v1/keys.ts";
import { parsePresence } from "../../src/replica/presence-record.ts";
import { tempFolder } from "../support/files/temp.ts";
import { connect } from "../support/nats/connect.ts";
import { startNats, testWithNats } from "../support/nats/nats-server.ts";
import { dialect } from "../support/profiles/dialect.ts";
import { get } from "../support/service/get.ts";
import { revokeTokens } from "../support/service/revoke-tokens.ts";
import { issue, startService } from "../support/service/service.ts";
import { waitUntil } from "../support/wait-until.ts";
import { bodiesOf } from "./segment-bodies.ts";

const REPLICA = fileURLToPath(new URL("0.1.0/replica/", import.meta.url));
const HEARTBEAT = fileURLToPath(new URL("0.1.0/heartbeat.json", import.meta.url));
const ISSUER = { SIGNET_ISSUER: "https://tokens.example" };
/** The SHA-256 of a snapshot in hex, and a line break. */
const DIGEST_BYTES = 65;

/** The members of a value with their types. Of lists, those of all items. */
function shapeOf(value: unknown): unknown {
  if (Array.isArray(value)) return [...new Set(value.map((item) => JSON.stringify(shapeOf(item))))].sort();
  if (typeof value === "object" && value !== null)
    return Object.fromEntries(Object.entries(value).map(([name, inside]) => [name, shapeOf(inside)]));
  if (typeof value !== "string") return typeof value;
  const header = /^(eyJ[\w-]+)\.[\w-]*\.[\w-]+\.[\w-]+\.[\w-]+$/.exec(value)?.[1];
  return header === undefined ? "string" : { jwe: shapeOf(JSON.parse(Buffer.from(header, "base64url").toString())) };
}

/** The shape of a record and of its envelope. */
function recordShape(bytes: Buffer): unknown {
  const envelope = JSON.parse(bytes.toString());
  return [shapeOf(envelope), shapeOf(JSON.parse(envelope.body))];
}

/** The shapes of what a replica of a version keeps in its data folder, by what it is. */
async function shapesIn(data: string): Promise<Record<string, unknown>> {
  const snapshot = async (name: string) => (await readFile(join(data, "snapshots", name))).subarray(DIGEST_BYTES);
  const secrets: { key: string; value: string }[] = JSON.parse((await snapshot("secrets")).toString());
  const [revocation = ""] = (await snapshot("revocations")).toString().split("\n");
  return {
    ring: recordShape(await snapshot("keyset.service")),
    secrets: secrets.map(({ key, value }) => [key, recordShape(Buffer.from(value, "base64"))]),
    revocation: shapeOf(JSON.parse(revocation)),
    contact: shapeOf(JSON.parse((await snapshot("contact")).toString())),
    state: schemaOf(join(data, "state", "state.db")),
  };
}

function schemaOf(database: string): unknown {
  const db = new DatabaseSync(database, { readOnly: true });
  try {
    return db.prepare("SELECT type, name, sql FROM sqlite_master ORDER BY name").all();
  } finally {
    db.close();
  }
}

/** What a replica of a version keeps in its spool, to which a later version may add members. */
async function spoolOf(data: string) {
  const read = (name: string) => readFile(join(data, "spool", name));
  const events = bodiesOf(await read("0000000000000001.segment")).map((body) => JSON.parse(body));
  return {
    identity: JSON.parse((await read("identity.json")).toString()),
    acknowledged: JSON.parse((await read("acknowledged.json")).toString()),
    /** The first event that has each of these members, which name its type. */
    eventWith: (type: string) => events.find((event) => type in event && "prevHash" in event),
  };
}

/** The entries of the bucket by their keys, with the random parts left out, and the names of Signet's headers. */
async function bucketEntries(connection: NatsConnection): Promise<ReadonlyMap<string, [Buffer, string[]]>> {
  const manager = await connection.jetstreamManager();
  const { state } = await manager.streams.info("KV_signet", { subjects_filter: ">" });
  const entries = new Map<string, [Buffer, string[]]>();
  for (const subject of Object.keys(state.subjects ?? {})) {
    const { data, header } = await manager.streams.getMessage("KV_signet", { last_by_subj: subject });
    const key = subject.replace("$KV.signet.", "").replace(/^(revoked\.token|replicas)\..*/, "$1");
    entries.set(key, [
      Buffer.from(data),
      // The others are instructions to the server.
      header
        .keys()
        .filter((name) => name.startsWith("Signet-"))
        .sort(),
    ]);
  }
  return entries;
}

testWithNats(
  "what a replica writes, in the bucket and on its disk, has the members that version 0.1.0 writes and reads",
  async (t) => {
    const nats = await startNats(t);
    const data = await tempFolder(t);
    const env = {
      ...ISSUER,
      ...{ SIGNET_STATE_STORE: "nats", SIGNET_STATE_FIRST_START: "true", SIGNET_NATS_URL: nats.url },
    };
    const service = await startService(t, { data, env });
    await waitUntil("the keys are read", async () => (await get(`${service.url}/readyz`)).ok);
    const { tokenId } = await issue(service);
    await revokeTokens(service, { tokenIds: [tokenId] });
    const vendors = dialect(service, "viasocket", { encoding: SecretEncoding.SECRET_ENCODING_UTF8 });
    await vendors.importSecret("a-secret-of-forty-characters-4f9c2e71ab0");
    const connection = await connect({ servers: nats.url });
    const bucket = await bucketEntries(connection);
    await connection.close();
    await service.app.stop("the end of the steps");

    const found = await shapesIn(data);
    const wanted = await shapesIn(REPLICA);
    t.deepEqual(found, wanted);
    const written = ["Signet-Operation", "Signet-Write"];
    const expiring = ["Signet-Expires-At", ...written];
    // Version 0.1.0 overlooks the writer, which is its own id there.
    const heartbeat = { ...Object(shapeOf(JSON.parse((await readFile(HEARTBEAT)).toString()))), writer: "string" };
    for (const [key, headers, shape, is] of [
      ["keys.service.epoch.1", written, wanted.ring, recordShape],
      ["secrets.viasocket._.epoch.1", written, (wanted.secrets as unknown[][])[0]?.[1], recordShape],
      ["revoked.token", expiring, wanted.revocation, (bytes: Buffer) => shapeOf(JSON.parse(bytes.toString()))],
      ["replicas", expiring, heartbeat, (bytes: Buffer) => shapeOf(JSON.parse(bytes.toString()))],
    ] as const) {
      const [value, names] = bucket.get(key) ?? [];
      t.deepEqual(names, headers, key);
      t.deepEqual(value && is(value), shape, key);
    }
    t.deepEqual(
      [...bucket.keys()].filter((key) => !/^(audit|keys|secrets|revoked|replicas)\./.test(`${key}.`)),
      ["installation", "live"],
      "which version 0.1.0 does not read",
    );

    const [now, before] = [await spoolOf(data), await spoolOf(REPLICA)];
    t.like(shapeOf(now.identity), shapeOf(before.identity) as object);
    t.like(shapeOf(now.acknowledged), shapeOf(before.acknowledged) as object);
    for (const type of ["keyRotated", "keyImported", "tokenIssued", "tokenRevoked"]) {
      t.not(before.eventWith(type), undefined, type);
      t.like(shapeOf(now.eventWith(type)), shapeOf(before.eventWith(type)) as object, type);
    }
  },
);

test("a heartbeat of version 0.1.0 is read, and its digests are those of this version's configuration", async (t) => {
  const bytes = await readFile(HEARTBEAT);
  const record = parsePresence(bytes);
  t.is(JSON.stringify(record), bytes.toString().trim());
  t.deepEqual(record?.digests, configDigests(loadConfig({ env: ISSUER })));
});

test("negative control: a member that is missing, added, or of another type is another shape", (t) => {
  const record = { version: 1, keys: [{ kid: "a", since: 1 }] };
  for (const other of [{ version: 1 }, { ...record, more: 1 }, { ...record, keys: [{ kid: "a", since: "1" }] }])
    t.notDeepEqual(shapeOf(other), shapeOf(record));
});
