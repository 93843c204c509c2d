import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { compactVerify, createLocalJWKSet, decodeProtectedHeader, errors, type JSONWebKeySet } from "jose";
import { terminal } from "../cli/terminal.ts";
import { tempFolder } from "../support/files/temp.ts";
import { readAuditStream, tokenIdsOf } from "../support/nats/audit-stream.ts";
import { tokensBeforeTheirKey, trailOf } from "../support/nats/audit-trail.ts";
import { startNats, testWithNats } from "../support/nats/nats-server.ts";
import { get } from "../support/service/get.ts";
import { FAST_ROTATION, issue, startService } from "../support/service/service.ts";
import { waitUntil } from "../support/wait-until.ts";

testWithNats("a signature can be checked by the log when its key is gone from the JWKS", async (t) => {
  const nats = await startNats(t);
  let ahead = 0;
  const surroundings = { now: () => Date.now() + ahead };
  const env = { SIGNET_NATS_URL: nats.url };
  const service = await startService(t, { env, surroundings, policy: FAST_ROTATION });
  const jwks = async () => (await (await get(`${service.url}/.well-known/jwks.json`)).json()) as JSONWebKeySet;
  const ttl = { seconds: 5n, nanos: 0 };
  const old = await issue(service, { ttl });
  t.is(decodeProtectedHeader(old.token).kid, old.keyId);
  await waitUntil("another key signs", async () => (await issue(service, { ttl })).keyId !== old.keyId);
  ahead = FAST_ROTATION.maxTtl + 2 * FAST_ROTATION.period;
  await t.throwsAsync(compactVerify(old.token, createLocalJWKSet(await jwks())), {
    instanceOf: errors.JWKSNoMatchingKey,
  });
  const history = async (...words: string[]) => {
    const { code, stdout, stderr } = await terminal({ env, now: Date.now }).signet("keys", "history", ...words);
    t.is(code, 0, stderr);
    return stdout;
  };
  await waitUntil("the log has its event", async () =>
    tokenIdsOf(await readAuditStream(nats.url)).includes(old.tokenId),
  );
  const kept = createLocalJWKSet(JSON.parse(await history("--jwks", "--key", old.keyId)));
  const { payload } = await compactVerify(old.token, kept);
  t.is(JSON.parse(Buffer.from(payload).toString()).jti, old.tokenId);
  const forged = `${old.token.slice(0, -8)}AAAAAAAA`;
  await t.throwsAsync(compactVerify(forged, kept), { instanceOf: errors.JWSSignatureVerificationFailed });
  t.regex(await history("--keyset", "service"), new RegExp(`^${old.keyId} +EdDSA +service +\\S+Z +\\S+Z .* 1$`, "m"));

  // It rotates on, and each of the following reads all that there is.
  await service.app.stop("TEST");
  const file = join(await tempFolder(t), "log.ndjson");
  await writeFile(file, (await terminal({ env, now: Date.now }).signet("audit", "export")).stdout);
  const [fromFile, fromStream] = [JSON.parse(await history("--json", file)), JSON.parse(await history("--json"))];
  const places = ({ keys }: { keys: { keyId: string; events: { eventId: string }[] }[] }) =>
    keys.map(({ keyId, events }) => [keyId, ...events.map(({ eventId }) => eventId)]);
  t.deepEqual(places(fromFile), places(fromStream));
});

testWithNats("every key that signs has its event before its first token, also after a restart", async (t) => {
  const nats = await startNats(t);
  const env = { SIGNET_NATS_URL: nats.url };
  const first = await startService(t, { env });
  const before = await issue(first);
  await first.app.stop("SIGTERM");
  const second = await startService(t, { data: first.data, env });
  const after = await issue(second);
  const arrived = async () => tokenIdsOf(await readAuditStream(nats.url)).length === 2;
  await waitUntil("both tokens are in NATS", arrived);
  const trail = await trailOf(nats);
  t.deepEqual(tokensBeforeTheirKey(trail), []);
  const others = trail.filter(({ subject }) => !subject.includes("key.published"));
  t.deepEqual(tokensBeforeTheirKey(others), [before.tokenId, after.tokenId], "negative control");
  const kids = (await readAuditStream(nats.url)).flatMap(({ event: { event, epoch } }) =>
    event?.$case === "keyPublished" ? [{ epoch, kid: event.value.keyId }] : [],
  );
  const epochs = Map.groupBy(kids, ({ epoch }) => epoch);
  const [one = [], two = []] = Array.from(epochs.values(), (all) => all.map(({ kid }) => kid).toSorted());
  t.deepEqual(one, two, "a start repeats the keys in use, which readers take as one");
  t.is(new Set(one).size, one.length);
});
