import { rename, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { ExecutionContext } from "ava";
import test from "ava";
import { filesIn } from "../support/files/config-files.ts";
import { tempFolder } from "../support/files/temp.ts";
import { readAuditStream } from "../support/nats/audit-stream.ts";
import { startNats, testWithNats } from "../support/nats/nats-server.ts";
import { createProfileClient } from "../support/profiles/profile-client.ts";
import { startLoad } from "../support/service/load.ts";
import { allForwarded, type RemoteService, startRemote, untilLogged } from "../support/service/remote-service.ts";
import { issue, verify } from "../support/service/service.ts";
import { spawnService } from "../support/service/service-process.ts";

/** A profile of the keyset that is open anyway; its tokens live for as long as the test says. */
const guest = (lifetime: string, more = "") => `profile: guest
header: { typ: at+jwt }
keys: { keyset: service, algorithm: EdDSA }
lifetime: { exp: required, ${lifetime} }
request: { type: object, additionalProperties: false }
claims:
  - { name: iss, from: issuer }
  - { name: sub, from: subject }
  - { name: iat, from: issued_at }
  - { name: exp, from: expires_at }
  - { name: jti, from: token_id }
accept: { type: object }
${more}`;

/** A service with a folder of profiles of its own, and how the test signals that a file has changed. */
async function startWith(t: ExecutionContext, text: string, env: Record<string, string> = {}) {
  const folder = await filesIn(t, { "guest.yaml": text });
  const file = join(folder, "guest.yaml");
  const service = await startRemote(t, {
    data: await tempFolder(t),
    env: { SIGNET_PROFILES_FOLDER: folder, ...env },
  });
  const change = async (changed: string, event: "profiles.reloaded" | "profiles.refused") => {
    const before = count(service, event);
    // A whole file or none: the service may be reading it.
    await writeFile(`${file}.new`, changed);
    await rename(`${file}.new`, file);
    await service.app.reload();
    await untilLogged(service, () => count(service, event) > before);
    return service.process.log.findLast((line) => line.event === event);
  };
  return { service, file, change, profiles: createProfileClient(t, service) };
}

function count({ process: { log } }: RemoteService, event: string): number {
  return log.filter((line) => line.event === event).length;
}

async function issueToGuest(service: RemoteService): Promise<number> {
  const { token, issuedAt, expiresAt } = await issue(service, { profile: "guest", audience: [] });
  const { valid } = await verify(service, token, { profile: "guest", audience: "" });
  if (!valid) throw new Error("a token that was just issued is not valid");
  return (Number(expiresAt) - Number(issuedAt)) / 1000;
}

test("SIGHUP with a broken file changes nothing, then with a good one everything, and no call fails", async (t) => {
  const { service, file, change, profiles } = await startWith(t, guest("default: 5m, max: 10m"));
  const { digest } = (await profiles.get("guest")) ?? {};
  const load = startLoad(8, async () => {
    await issueToGuest(service);
    await issue(service);
  });
  await load.more(20);

  const refused = await change(guest("default: 5m, max: 10 minutes", "carrier: []"), "profiles.refused");
  const message = "must be a duration such as 500ms, 90s, 15m, 24h or 30d";
  t.like(refused?.faults, {
    length: 2,
    0: { file, line: 13, path: "carrier" },
    1: { file, line: 4, path: "lifetime.max", message },
  });
  await load.more(20);
  t.is((await profiles.get("guest"))?.digest, digest);
  t.is(await issueToGuest(service), 300);

  const reloaded = await change(guest("default: 2m, max: 10m"), "profiles.reloaded");
  t.deepEqual(reloaded?.changed, ["guest"]);
  t.is(await issueToGuest(service), 120);
  t.not((await profiles.get("guest"))?.digest, digest);
  await load.more(20);
  await load.stop();
});

test("profiles that accept each other's tokens are logged at the start and after a change, by name", async (t) => {
  const { service, change } = await startWith(t, guest("default: 5m, max: 10m"));
  const warnings = () => service.process.log.filter(({ event }) => event === "profiles.shared");
  const shared = { level: "warn", event: "profiles.shared", keyset: "service", profiles: ["guest", "service"] };
  t.like(warnings(), { length: 1, 0: shared });
  await change(guest("default: 2m, max: 10m"), "profiles.reloaded");
  await untilLogged(service, () => warnings().length === 2);
  t.like(warnings()[1], shared);
});

test("what needs a restart is refused with that reason", async (t) => {
  const { service, change } = await startWith(t, guest("default: 5m, max: 10m"));
  const longer = await change(guest("default: 5m, max: 2h"), "profiles.refused");
  const message = "rotates in the running service for tokens of at most 1h: restart the service";
  t.deepEqual(longer?.faults, [{ file: "keyset service", path: "", message }]);
  const keyset = await change(
    guest("default: 5m, max: 10m").replace("keyset: service", "keyset: guests"),
    "profiles.refused",
  );
  const unknown = "is not open in the running service: restart the service";
  t.deepEqual(keyset?.faults, [{ file: "keyset guests", path: "", message: unknown }]);
  t.is(await issueToGuest(service), 300);
});

test("a removed file removes its profile, with a warning that names it", async (t) => {
  const { service, file, profiles } = await startWith(t, guest("default: 5m, max: 10m"));
  await writeFile(join(dirname(file), "other.yaml"), guest("default: 5m, max: 10m").replace("guest", "other"));
  await rm(file);
  await service.app.reload();
  await untilLogged(service, () => count(service, "profiles.reloaded") === 1);
  const line = service.process.log.findLast(({ event }) => event === "profiles.reloaded");
  t.like(line, { level: "warn", gone: ["guest"], changed: ["guest", "other"] });
  t.false((await profiles.list()).some(({ name }) => name === "guest"));
  t.is((await t.throwsAsync(issueToGuest(service)))?.message.split(" ")[0], "5");
});

for (const [what, lose, message] of [
  ["emptied", (file: string) => rm(file), "contains no *.yaml file"],
  ["moved away", (file: string) => rm(dirname(file), { recursive: true }), "can't be read as a folder: ENOENT"],
] as const)
  test(`a folder that was ${what} removes no profile`, async (t) => {
    const { service, file } = await startWith(t, guest("default: 5m, max: 10m"));
    await lose(file);
    await service.app.reload();
    await untilLogged(service, () => count(service, "profiles.refused") === 1);
    const line = service.process.log.findLast(({ event }) => event === "profiles.refused");
    t.deepEqual(line?.faults, [{ file: dirname(file), path: "", message }]);
    t.is(await issueToGuest(service), 300);
  });

testWithNats(
  "a change has an event with the new hash; a refused reload and one without a change have none",
  async (t) => {
    const nats = await startNats(t);
    const { service, change } = await startWith(t, guest("default: 5m, max: 10m"), { SIGNET_NATS_URL: nats.url });
    await change(guest("default: never"), "profiles.refused");
    await change(guest("default: 2m, max: 10m"), "profiles.reloaded");
    await change(guest("default: 2m, max: 10m"), "profiles.reloaded");
    await allForwarded(service);
    const messages = await readAuditStream(nats.url);
    const events = messages.map(({ event: { event } }) => event);
    const changes = events.flatMap((event) => (event?.$case === "configurationChanged" ? [event.value] : []));
    t.like(changes, { length: 1, 0: { profiles: ["guest"] } });
    const [start] = events.flatMap((event) => (event?.$case === "serviceStarted" ? [event.value.configHash] : []));
    t.regex(changes[0]?.configHash ?? "", /^[\w-]{43}$/);
    t.not(changes[0]?.configHash, start);
    t.true(messages.some(({ subject }) => subject === "signet.audit.configuration.changed._"));
  },
);

test("a service does not start with a broken file, and reports all its faults", async (t) => {
  const folder = await filesIn(t, { "guest.yaml": guest("default: 5m", "carrier: []") });
  const env = { SIGNET_PROFILES_FOLDER: folder };
  const error = await t.throwsAsync(spawnService(t, { data: await tempFolder(t), env }));
  t.regex(error?.message ?? "", /^the service ended with 78: error: CONFIG: the configuration has faults\n/);
  t.true(error?.message.includes(`${join(folder, "guest.yaml")}:13 carrier: is not a known key (known: profile, `));
});
