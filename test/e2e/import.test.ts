import { randomBytes } from "node:crypto";
import { rename } from "node:fs/promises";
import { join } from "node:path";
import test, { type ExecutionContext } from "ava";
import { SecretEncoding } from "../../src/gen/signet/v1/keys.ts";
import { createKekFile } from "../../src/jose/kek-source.ts";
import { openFileKeyValue } from "../../src/state/file.ts";
import { tempFolder } from "../support/files/temp.ts";
import { dialect, verdictOf } from "../support/profiles/dialect.ts";
import { CLOCKED, type ClockFile, clockFile } from "../support/replicas/clocked-service.ts";
import { get } from "../support/service/get.ts";
import { importKey } from "../support/service/key-calls.ts";
import { type RemoteService, startRemote } from "../support/service/remote-service.ts";
import { failureOf } from "../support/service/rich-error.ts";
import { listKeys, type Service, startService } from "../support/service/service.ts";
import { shared } from "../support/service/shared.ts";
import { PUBLIC_TEXTS } from "../support/tokens/public-texts.ts";
import { waitUntil } from "../support/wait-until.ts";

const hivekit = (service: Service, tenant = "acme") =>
  dialect(service, "hivekit", { tenant, encoding: SecretEncoding.SECRET_ENCODING_BASE64 });
const importedKeys = async (service: Service) =>
  (await listKeys(service)).keys.filter(({ profile }) => profile !== "").map(({ tenant, keyId }) => [tenant, keyId]);

test("an import that was answered outlives kill -9, and what was signed with it verifies", async (t) => {
  const data = await tempFolder(t);
  const before = await startRemote(t, { data });
  await importKey(before, { profile: "hivekit", tenant: "acme", keyId: "k1" });
  const { token } = await hivekit(before).issue({ sub: "u", allow_all: true });
  await importKey(before, { profile: "hivekit", tenant: "acme", keyId: "k2" });
  before.process.child.kill("SIGKILL");
  await before.process.stop();
  const after = await startRemote(t, { data });
  t.deepEqual(await importedKeys(after), [
    ["acme", "k2"],
    ["acme", "k1"],
  ]);
  t.is(verdictOf(await hivekit(after).verify(token)), "valid");
  t.is((await hivekit(after).issue({ sub: "u", allow_all: true })).keyId, "k2");
});

test("a secret is sealed again under a new KEK while the earlier KEK is still given", async (t) => {
  const data = await tempFolder(t);
  const [file, previous] = [join(data, "kek"), join(data, "kek-before")];
  const before = await startRemote(t, { data });
  await importKey(before, { profile: "hivekit", tenant: "acme", keyId: "k1" });
  const { token } = await hivekit(before).issue({ sub: "u", allow_all: true });
  t.is(await before.process.stop(), 0);
  await rename(file, previous);
  await createKekFile(file);
  const after = await startRemote(t, { data, env: { SIGNET_KEK_PREVIOUS: previous } });
  t.is(verdictOf(await hivekit(after).verify(token)), "valid");
});

test("secrets that can't be read make their tenant UNAVAILABLE, are logged, and affect no other tenant", async (t) => {
  const { after, token } = await restartedOver(t, 1);
  for (const call of [
    hivekit(after).issue({ sub: "u", allow_all: true }),
    hivekit(after).verify(token),
    importKey(after, { profile: "hivekit", tenant: "acme" }),
  ]) {
    const { code, reason, retryAfterMs } = await failureOf(call);
    t.deepEqual([code, reason, retryAfterMs], ["UNAVAILABLE", "KEYS_UNAVAILABLE", 10_000]);
  }
  const fine = hivekit(after, "fine");
  t.is(verdictOf(await fine.verify((await fine.issue({ sub: "u", allow_all: true })).token)), "valid");
  t.deepEqual(await importedKeys(after), [["fine", "k1"]]);
  t.true(isUnreadable(after));
});

test("garbage after the newest epoch of secrets stops issuing until it is written over, and never verifying", async (t) => {
  // Until the test moves it on: after five seconds by this clock it is written over.
  const clock = await clockFile(t);
  await clock.standAt(Date.now());
  const { after, token } = await restartedOver(t, 2, clock);
  t.is(verdictOf(await hivekit(after).verify(token)), "valid");
  t.is((await failureOf(hivekit(after).issue({ sub: "u", allow_all: true }))).reason, "KEYS_UNAVAILABLE");
  t.true(isUnreadable(after));
  await clock.runAhead(10_000);
  await waitUntil("issuing is back", () =>
    hivekit(after)
      .issue({ sub: "u", allow_all: true })
      .then(
        () => true,
        () => false,
      ),
  );
  t.is(verdictOf(await hivekit(after).verify(token)), "valid");
});

/** A service with a secret of two tenants, restarted after garbage was written at an epoch of the first one. */
async function restartedOver(t: ExecutionContext, epoch: number, clock?: ClockFile) {
  const data = await tempFolder(t);
  const before = await startRemote(t, { data });
  for (const tenant of ["acme", "fine"]) await importKey(before, { profile: "hivekit", tenant, keyId: "k1" });
  const { token } = await hivekit(before).issue({ sub: "u", allow_all: true });
  t.is(await before.process.stop(), 0);
  const store = await openFileKeyValue(join(data, "state", "state.db"), Date.now);
  const key = `secrets/hivekit/YWNtZQ/epoch/${epoch}`;
  const found = await store.get(key);
  if (found === undefined) await store.create(key, Buffer.from("rubbish"));
  else await store.update(key, Buffer.from("rubbish"), found.revision);
  store.close();
  const clocked = clock && { program: CLOCKED, env: { REPLICA_CLOCK: clock.path } };
  return { after: await startRemote(t, { data, ...clocked }), token };
}

function isUnreadable({ process: { log } }: RemoteService): boolean {
  return log.some(
    ({ event, profile, tenant }) => event === "secrets.unreadable" && profile === "hivekit" && tenant === "acme",
  );
}

test("a secret is listed with its length and fingerprint, and is in no JWKS", async (t) => {
  const service = await startService(t);
  const { key } = await importKey(service, { profile: "hivekit", tenant: "acme", keyId: "k1" });
  const { keys } = await listKeys(service);
  t.deepEqual(
    keys.filter(({ profile }) => profile === "hivekit"),
    [key],
  );
  t.like(key, { keyset: "", tenant: "acme", algorithm: "HS256", byteLength: 32, publishAt: undefined, epoch: 1n });
  t.true(keys.some(({ keyset }) => keyset === "service"));
  t.deepEqual(
    (await listKeys(service, "service")).keys.filter(({ profile }) => profile !== ""),
    [],
  );
  const jwks = JSON.parse(await (await get(`${service.url}/.well-known/jwks.json`)).text());
  t.deepEqual(
    jwks.keys.filter(({ kid, kty }: { kid: string; kty: string }) => kid === "k1" || kty !== "OKP"),
    [],
  );
});

const withOneSecret = shared(test, async (t) => {
  const service = await startService(t);
  await importKey(service, { profile: "hivekit", tenant: "acme", keyId: "taken" });
  return service;
});

for (const [name, request, expected] of [
  ["a weak secret", { secret: "c2hvcnQ=" }, ["FAILED_PRECONDITION", "WEAK_KEY"]],
  ["a kid that was there", { keyId: "taken" }, ["ALREADY_EXISTS", "KEY_EXISTS"]],
  ["an unknown profile", { profile: "nothing" }, ["NOT_FOUND", "PROFILE_NOT_FOUND"]],
  ["no encoding", { encoding: SecretEncoding.SECRET_ENCODING_UNSPECIFIED }, ["INVALID_ARGUMENT", "INVALID_REQUEST"]],
  ["an encoding that the contract has not", { encoding: 99 as never }, ["INVALID_ARGUMENT", "INVALID_REQUEST"]],
] as const) {
  test(`${name} is ${expected.join(", ")}`, async (t) => {
    const service = await withOneSecret();
    const secret = randomBytes(32).toString("base64");
    const refused = importKey(service, { profile: "hivekit", tenant: "acme", secret, ...request });
    const { code, reason } = await failureOf(refused);
    t.deepEqual([code, reason], [...expected]);
    t.deepEqual(await importedKeys(service), [["acme", "taken"]]);
  });
}

test("public text and published samples are WEAK_KEY in every encoding, unless the caller insists", async (t) => {
  const service = await startService(t);
  const profile = "viasocket";
  const samples = ["a-string-secret-at-least-256-bits-long", "super-secret-jwt-token-with-at-least-32-characters-long"];
  const texts = [...PUBLIC_TEXTS.map(([, bytes]) => bytes), ...samples.map((text) => Buffer.from(text))];
  let asked = 0;
  for (const bytes of texts)
    for (const [encoding, text] of [
      [SecretEncoding.SECRET_ENCODING_UTF8, bytes.toString("utf8")],
      [SecretEncoding.SECRET_ENCODING_BASE64, bytes.toString("base64")],
      [SecretEncoding.SECRET_ENCODING_BASE64URL, bytes.toString("base64url")],
      [SecretEncoding.SECRET_ENCODING_HEX, bytes.toString("hex")],
    ] as const) {
      if (text.includes("\uFFFD")) continue;
      const { code, reason, message } = await failureOf(importKey(service, { profile, secret: text, encoding }));
      t.deepEqual([code, reason], ["FAILED_PRECONDITION", "WEAK_KEY"], `${encoding} ${message}`);
      asked += 1;
    }
  t.true(asked > 4 * samples.length);
  t.deepEqual(await importedKeys(service), [], "none was stored");
  const [, certificate = Buffer.alloc(0)] = PUBLIC_TEXTS.find(([what]) => what === "a certificate in PEM") ?? [];
  const encoding = SecretEncoding.SECRET_ENCODING_UTF8;
  const insisted = await importKey(service, {
    profile,
    secret: certificate.toString(),
    encoding,
    allowWeak: true,
  });
  t.deepEqual(insisted.warnings, ["WEAK_KEY", "WHITESPACE"]);
  const control = await importKey(service, { profile, secret: randomBytes(32).toString("hex"), encoding });
  t.deepEqual(control.warnings, []);
});
