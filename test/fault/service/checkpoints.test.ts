import { cp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { credentials, type ServiceError, status } from "@grpc/grpc-js";
import type { ExecutionContext } from "ava";
import {
  AuditKeyState,
  AuditServiceClient,
  type CheckpointResponse,
  type ListAuditKeysResponse,
  type RetireWriterResponse,
  type RotateAuditKeyResponse,
} from "../../../src/gen/signet/v1/audit_service.ts";
import { tempFolder } from "../../support/files/temp.ts";
import { type AuditMessage, readAuditStream } from "../../support/nats/audit-stream.ts";
import { isSignedBy, parseNoteText, readCheckpoints, rootOfBodies } from "../../support/nats/checkpoints.ts";
import { type NatsServer, startNats, testWithNats } from "../../support/nats/nats-server.ts";
import { signetProcess } from "../../support/service/command-line.ts";
import {
  allForwarded,
  type RemoteService,
  signalThatEnded,
  startRemote,
  untilLogged,
} from "../../support/service/remote-service.ts";
import { failureOf } from "../../support/service/rich-error.ts";
import { issue } from "../../support/service/service.ts";
import { refusedStart } from "../../support/service/service-process.ts";
import { waitUntil } from "../../support/wait-until.ts";

const PROGRAM = fileURLToPath(import.meta.resolve("./checkpointing-service.ts"));
/** So often that a test waits for nothing, and so seldom that it makes none by itself. */
const OFTEN = "50";
const NEVER = "2000000000";

interface Place {
  readonly data: string;
  readonly nats: NatsServer;
}

const newPlace = async (t: ExecutionContext<unknown>): Promise<Place> => ({
  data: await tempFolder(t),
  nats: await startNats(t),
});

async function start(t: ExecutionContext<unknown>, { data, nats }: Place, args = [OFTEN], env = {}) {
  const service = await startRemote(t, {
    data,
    env: { SIGNET_NATS_URL: nats.url, SIGNET_ISSUER: "http://tokens.example:8443/path", ...env },
    program: PROGRAM,
    args,
  });
  const client = new AuditServiceClient(service.process.grpc, credentials.createInsecure());
  t.teardown(() => client.close());
  const call = <Answer>(method: keyof AuditServiceClient, request = {}): Promise<Answer> =>
    new Promise((resolve, reject) => {
      const answer = (error: Error | null, value: Answer) => (error ? reject(error) : resolve(value));
      (client[method] as unknown as (request: object, answer: unknown) => void).call(client, request, answer);
    });
  return {
    ...service,
    auditKeys: async () => (await call<ListAuditKeysResponse>("listAuditKeys")).keys,
    /** Once the key of the log is registered, which may be a moment after the service is ready. */
    checkpoint: () =>
      found("a checkpoint is made", () =>
        call<CheckpointResponse>("checkpoint").catch((error: ServiceError) => {
          if (error.code !== status.UNAVAILABLE) throw error;
          return undefined;
        }),
      ),
    rotate: () => call<RotateAuditKeyResponse>("rotateAuditKey"),
    retire: (writer: string) => call<RetireWriterResponse>("retireWriter", { writer, reason: "lost" }),
  };
}

/** The events of a writer, in the order of its log. */
async function logOf(nats: NatsServer, writer: string): Promise<AuditMessage[]> {
  const events = (await readAuditStream(nats.url)).filter(({ event }) => event.writer === writer);
  return events.toSorted((one, other) => Number((one.event.logIndex ?? 0n) - (other.event.logIndex ?? 0n)));
}

/** Whether the checkpoint states what the stream has. */
async function isTrue(nats: NatsServer, { writer, size, root }: ReturnType<typeof parseNoteText>): Promise<boolean> {
  const bodies = (await logOf(nats, writer)).slice(0, size).map(({ body }) => body);
  return bodies.length === size && rootOfBodies(bodies) === root;
}

/** What `look` finds, as soon as it finds something. */
async function found<Thing>(what: string, look: () => Promise<Thing | undefined>): Promise<Thing> {
  let thing: Thing | undefined;
  await waitUntil(what, async () => {
    thing = await look();
    return thing !== undefined;
  });
  return thing as Thing;
}

const untilServing = (service: RemoteService) =>
  waitUntil("it serves", async () => (await issue(service)).tokenId !== "");

testWithNats(
  "checkpoints follow the events, signed by the key that ListAuditKeys names, and stop when nothing happens",
  async (t) => {
    const place = await newPlace(t);
    const service = await start(t, place);
    for (let count = 0; count < 5; count++) await issue(service);
    const last = await found("a checkpoint covers all events", async () => {
      const checkpoint = (await readCheckpoints(place.nats.url)).at(-1);
      if (checkpoint === undefined) return undefined;
      return (await logOf(place.nats, checkpoint.writer)).length === checkpoint.size ? checkpoint : undefined;
    });
    const [key] = await service.auditKeys();
    t.is(last.origin, `tokens.example:8443/audit/${last.writer}`);
    t.like(key, { writer: last.writer, origin: last.origin, state: AuditKeyState.AUDIT_KEY_STATE_ACTIVE });
    t.true(isSignedBy(last.note, key?.verifierKey ?? ""));
    t.true(await isTrue(place.nats, last));
    // Negative controls.
    t.false(isSignedBy(last.note.replace("tokens", "token5"), key?.verifierKey ?? ""));
    t.false(await isTrue(place.nats, { ...last, root: rootOfBodies([]) }));
    await issue(service);
    await waitUntil("another one", async () => ((await readCheckpoints(place.nats.url)).at(-1)?.size ?? 0) > last.size);
  },
);

testWithNats("at a stop the last checkpoint covers every event", async (t) => {
  const place = await newPlace(t);
  const service = await start(t, place, [NEVER]);
  await issue(service);
  t.is(await service.process.stop(), 0);
  t.false(service.process.log.some(({ event }) => event === "audit.failed"));
  const [only, ...more] = await readCheckpoints(place.nats.url);
  t.is(more.length, 0);
  const log = await logOf(place.nats, only?.writer ?? "");
  t.is(only?.size, log.length);
  t.true(log.some(({ event }) => event.event?.$case === "serviceStopped"));
  t.true(only !== undefined && (await isTrue(place.nats, only)));
});

testWithNats(
  "one that is asked for is published before it is answered; what keys signed is told exactly",
  async (t) => {
    const place = await newPlace(t);
    const service = await start(t, place, [NEVER]);
    await untilServing(service);
    await Promise.all(Array.from({ length: 20 }, () => issue(service)));
    // What comes before its note must have arrived: then the two seconds that it is waited for are enough.
    await allForwarded(service);
    const { note, published } = await service.checkpoint();
    t.true(published);
    t.deepEqual(
      (await readCheckpoints(place.nats.url)).map((one) => one.note),
      [note],
    );
    const { writer } = parseNoteText(note);
    const log = await logOf(place.nats, writer);
    const at = log.findIndex(({ event }) => event.event?.$case === "signaturesCounted");
    const counted = log[at]?.event.event;
    const before = log
      .slice(0, at)
      .flatMap(({ event: { event } }) => (event?.$case === "tokenIssued" ? [event.value.keyId] : []));
    t.is(before.length, 21);
    const [kid] = before;
    const count =
      counted?.$case === "signaturesCounted" ? counted.value.keys.find(({ keyId }) => keyId === kid) : undefined;
    t.like(count, { issued: 21n, withheld: 0n, unrecorded: 0n, inFlight: 0n });
    t.is(count?.signed, 21n + (count?.selfTests ?? 0n));
    t.true((count?.selfTests ?? 0n) > 0n);
    t.false(service.process.log.some(({ event }) => event === "audit.miscounted"));
  },
);

testWithNats("while NATS is away the latest checkpoint alone waits, and comes after its events", async (t) => {
  const place = await newPlace(t);
  const service = await start(t, place, [NEVER]);
  await untilServing(service);
  await waitUntil("one is published", async () => (await service.checkpoint()).published);
  const before = await readCheckpoints(place.nats.url);
  await place.nats.kill9();
  await issue(service);
  t.false((await service.checkpoint()).published);
  await issue(service);
  const { note, published } = await service.checkpoint();
  t.false(published);
  await place.nats.restart();
  const all = await found("it is published", async () => {
    const all = await readCheckpoints(place.nats.url);
    return all.at(-1)?.note === note ? all : undefined;
  });
  t.is(all.length, before.length + 1);
  const last = all.at(-1);
  t.true(last !== undefined && (await isTrue(place.nats, last)));
});

testWithNats("killed between storing and publishing, the next start publishes what was stored", async (t) => {
  const place = await newPlace(t);
  const killed = await start(t, place, [OFTEN, "die"]);
  t.is(await signalThatEnded(killed), "SIGKILL");
  const stored = await readFile(join(place.data, "spool", "checkpoint"), "utf8");
  t.deepEqual(await readCheckpoints(place.nats.url), []);
  await start(t, place, [NEVER]);
  const [first] = await found("it is published", async () => {
    const all = await readCheckpoints(place.nats.url);
    return all.length > 0 ? all : undefined;
  });
  t.is(first?.note, stored);
  t.true(first !== undefined && (await isTrue(place.nats, first)));
});

testWithNats("a data folder that is restored from before the last checkpoint begins a new writer", async (t) => {
  const place = await newPlace(t);
  const first = await start(t, place, [NEVER]);
  await untilServing(first);
  const { writer } = parseNoteText((await first.checkpoint()).note);
  t.is(await first.process.stop(), 0);
  const backup = await tempFolder(t);
  await cp(place.data, backup, { recursive: true });
  // Negative control: nothing came after the backup, so that its writer goes on.
  const same = await start(t, place, [NEVER]);
  t.is(parseNoteText((await same.checkpoint()).note).writer, writer);
  await issue(same);
  t.is(await same.process.stop(), 0);
  await rm(place.data, { recursive: true });
  await cp(backup, place.data, { recursive: true });
  const restored = await start(t, place, [NEVER]);
  await untilLogged(restored, (log) =>
    log.some(({ event, reason }) => event === "audit.writer" && reason === "BEHIND_CHECKPOINT"),
  );
  const fresh = await found("the new log is registered", async () => {
    return (await restored.auditKeys()).find((key) => key.writer !== writer);
  });
  const { note } = await restored.checkpoint();
  t.is(parseNoteText(note).writer, fresh.writer);
  t.true(isSignedBy(note, fresh.verifierKey));
});

testWithNats(
  "a restored data folder begins a new writer also where it ran before NATS was reached, and what it wrote is a FORK",
  async (t) => {
    const place = await newPlace(t);
    const first = await start(t, place, [NEVER]);
    await untilServing(first);
    const { writer } = parseNoteText((await first.checkpoint()).note);
    t.is(await first.process.stop(), 0);
    const backup = await tempFolder(t);
    await cp(place.data, backup, { recursive: true });
    const later = await start(t, place, [NEVER]);
    await issue(later);
    await later.checkpoint();
    t.is(await later.process.stop(), 0);
    /** Grows the log beyond its note in the stream while NATS is away, and resolves with the service that reaches it. */
    const growAlone = async (data: string) => {
      await place.nats.kill9();
      const alone = await start(t, { ...place, data }, [NEVER]);
      for (let count = 0; count < 30; count++) await issue(alone);
      await alone.process.kill9();
      const again = await start(t, { ...place, data }, [NEVER]);
      await issue(again);
      await place.nats.restart();
      return again;
    };
    const verify = async () =>
      JSON.parse((await signetProcess(["audit", "verify", "--json", "--nats", place.nats.url], place)).stdout);

    // Negative control: the folder that was not restored goes on, and its log is proven.
    const same = await growAlone(place.data);
    await waitUntil("its checkpoint is published", async () => (await same.checkpoint()).published);
    t.is(parseNoteText((await same.checkpoint()).note).writer, writer);
    await allForwarded(same);
    t.is(await same.process.stop(), 0);
    t.like(await verify(), { proven: true, faults: [] });

    const restored = await growAlone(backup);
    await untilLogged(restored, (log) =>
      log.some(({ event, reason }) => event === "audit.writer" && reason === "BEHIND_CHECKPOINT"),
    );
    await allForwarded(restored);
    const { proven, faults } = await verify();
    t.false(proven);
    t.like(
      faults.find(({ code }: { readonly code: string }) => code === "FORK"),
      { writer },
    );
  },
);

testWithNats("a KEK is exchanged and the audit key stays; a foreign KEK is refused", async (t) => {
  const place = await newPlace(t);
  const [one, two] = (await Promise.all(
    [1, 2].map(async (byte) => {
      const file = join(await tempFolder(t), "kek");
      await writeFile(file, Buffer.alloc(32, byte).toString("base64url"), {
        mode: 0o600,
      });
      return file;
    }),
  )) as [string, string];
  const before = await start(t, place, [NEVER], { SIGNET_KEK_FILE: one });
  const keys = await found("it is registered", async () =>
    (await before.auditKeys()).length > 0 ? before.auditKeys() : undefined,
  );
  t.is(await before.process.stop(), 0);
  const after = await start(t, place, [NEVER], { SIGNET_KEK_FILE: two, SIGNET_KEK_PREVIOUS: one });
  await untilServing(after);
  t.deepEqual(await after.auditKeys(), keys);
  t.true(isSignedBy((await after.checkpoint()).note, keys[0]?.verifierKey ?? ""));
  t.is(await after.process.stop(), 0);
  const env = { SIGNET_NATS_URL: place.nats.url, SIGNET_KEK_FILE: one };
  const refused = await refusedStart(t, { data: place.data, env });
  t.regex(refused.text, /audit key of tokens\.example:8443\/audit\/\S+ is sealed under the key-encryption key/);
});

testWithNats(
  "a rotated key closes its log, whose last checkpoint covers the event that names the new key",
  async (t) => {
    const place = await newPlace(t);
    const service = await start(t, place, [NEVER]);
    await untilServing(service);
    await service.checkpoint();
    const { closed, begun } = await service.rotate();
    t.is(closed?.state, AuditKeyState.AUDIT_KEY_STATE_CLOSED);
    t.is(begun?.state, AuditKeyState.AUDIT_KEY_STATE_ACTIVE);
    await issue(service);
    const { note } = await service.checkpoint();
    t.is(parseNoteText(note).writer, begun?.writer ?? "");
    t.true(isSignedBy(note, begun?.verifierKey ?? ""));
    const last = await found("the end of the old log is published", async () => {
      const ends = (await readCheckpoints(place.nats.url)).filter(({ writer }) => writer === closed?.writer);
      const log = await logOf(place.nats, closed?.writer ?? "");
      return ends.at(-1)?.size === log.length ? { checkpoint: ends.at(-1), log } : undefined;
    });
    t.true(isSignedBy(last.checkpoint?.note ?? "", closed?.verifierKey ?? ""));
    const end = last.log.at(-1)?.event.event;
    t.is(end?.$case, "writerClosed");
    t.like(end?.value, { successor: begun?.writer, successorVerifierKey: begun?.verifierKey });
    const [opened] = await logOf(place.nats, begun?.writer ?? "");
    t.like(opened?.event.event?.value, {
      verifierKey: begun?.verifierKey,
      predecessor: closed?.writer,
      reason: "KEY_ROTATED",
    });
    const files = () => readdir(join(place.data, "spool"));
    await waitUntil(
      "the old key is gone",
      async () => (await files()).filter((name) => name.endsWith(".audit-key.json")).length === 1,
    );
  },
);

testWithNats("a key that can't be rotated while the state is away has its event as soon as NATS is back", async (t) => {
  const place = await newPlace(t);
  const service = await start(t, place, [NEVER], { SIGNET_STATE_STORE: "nats", SIGNET_STATE_FIRST_START: "true" });
  await untilServing(service);
  await service.checkpoint();
  const failures = async () =>
    (await readAuditStream(place.nats.url)).flatMap(({ event: { event } }) =>
      event?.$case === "adminFailed" ? [event.value] : [],
    );
  await service.rotate();
  await allForwarded(service);
  t.deepEqual(await failures(), [], "control: one that succeeds has none");
  await place.nats.kill9();
  t.is((await failureOf(service.rotate())).reason, "AUDIT_KEYS_UNAVAILABLE");
  await place.nats.restart();
  const [failure, ...more] = await found("its event is in the stream", async () => {
    const all = await failures();
    return all.length > 0 ? all : undefined;
  });
  t.like(failure, { method: "RotateAuditKey", reason: "AUDIT_KEYS_UNAVAILABLE", count: 1n });
  t.is(more.length, 0);
});

testWithNats("a lost writer is retired by another, and one that runs is not", async (t) => {
  const place = await newPlace(t);
  const lost = await start(t, place, [NEVER], { SIGNET_STATE_STORE: "nats", SIGNET_STATE_FIRST_START: "true" });
  await untilServing(lost);
  const writer = parseNoteText((await lost.checkpoint()).note).writer;
  const other = await start(t, { ...place, data: await tempFolder(t) }, [NEVER], {
    SIGNET_STATE_STORE: "nats",
    SIGNET_KEK_FILE: join(place.data, "kek"),
  });
  await untilServing(other);
  await t.throwsAsync(other.retire(writer), { message: /the replica of this writer runs/ });
  await lost.process.kill9();
  const { key } = await found("it counts as gone", () => other.retire(writer).catch(() => undefined));
  t.like(key, { writer, state: AuditKeyState.AUDIT_KEY_STATE_RETIRED });
  await other.checkpoint();
  const events = await readAuditStream(place.nats.url);
  const retired = events.flatMap(({ event: { event } }) =>
    event?.$case === "writerRetired" ? [event.value.retiredWriter] : [],
  );
  t.deepEqual(retired, [writer]);
});
