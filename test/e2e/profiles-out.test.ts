import { join } from "node:path";
import test from "ava";
import { KeyState, SecretEncoding } from "../../src/gen/signet/v1/keys.ts";
import { createKekFile } from "../../src/jose/kek-source.ts";
import { tempFolder } from "../support/files/temp.ts";
import { dialect, verdictOf } from "../support/profiles/dialect.ts";
import { folderWithVariant } from "../support/profiles/profiles-folder.ts";
import { get } from "../support/service/get.ts";
import { importKey, revokeKey } from "../support/service/key-calls.ts";
import { failureOf } from "../support/service/rich-error.ts";
import { issue, promised, type Service, startService } from "../support/service/service.ts";
import { testKey } from "../support/tokens/foreign-token.ts";

const DAY = 24 * 3_600_000;
const EULER = { accountId: "a", expireAfter: 60, websockets: null };

async function published({ url }: Service, path = "/keysets/euler-stream/jwks.json"): Promise<string[]> {
  const { keys } = (await (await get(`${url}${path}`)).json()) as { keys: { kid: string }[] };
  return keys.map(({ kid }) => kid);
}

test("the keys of a disabled profile sign no more, and are published until no token of them is valid", async (t) => {
  const data = await tempFolder(t);
  let now = 1_800_000_000_000;
  const surroundings = { now: () => now };
  const before = await startService(t, { data, surroundings });
  const { token, keyId } = await dialect(before, "euler-stream").issue(EULER);
  const all = await published(before);
  t.is(all.length, 3, "signing, successor and standby");
  await before.app.stop("SIGTERM");

  const env = { SIGNET_PROFILES_DISABLE: "euler-stream,shoplive" };
  const without = await startService(t, { data, env, surroundings });
  const euler = dialect(without, "euler-stream", { verify: { context: { uniqueId: "x" } } });
  t.like(await failureOf(euler.issue(EULER)), { code: "NOT_FOUND", reason: "PROFILE_NOT_FOUND" });
  t.like(await failureOf(euler.verify(token)), { reason: "PROFILE_NOT_FOUND" });
  t.like(await failureOf(importKey(without, { profile: "shoplive" })), { reason: "PROFILE_NOT_FOUND" });
  const left = await published(without);
  t.true(left.includes(keyId));
  t.is(left.length, 2, "a standby has signed nothing");
  t.true((await published(without, "/.well-known/jwks.json")).includes(keyId), "for verifiers of the common JWKS too");
  const { keys } = await promised(without.keys.listKeys.bind(without.keys), { keyset: "euler-stream" });
  t.true(keys.every(({ state }) => state === KeyState.KEY_STATE_RETIRED));
  t.is((await get(`${without.url}/readyz`)).status, 200, "a ring without a signer is no fault here");

  const end = Math.max(...keys.map(({ verifyUntil }) => verifyUntil?.getTime() ?? 0));
  t.true(end < now + 4 * DAY);
  now = (keys.find((key) => key.keyId === keyId)?.verifyUntil?.getTime() ?? 0) - 1;
  t.true((await published(without)).includes(keyId), "until its verify_until");
  now += 1;
  t.false((await published(without)).includes(keyId), "no longer");
  now = end;
  t.deepEqual(await published(without), [], "no key is made in their place");
  await without.app.stop("SIGTERM");

  const again = await startService(t, { data, surroundings });
  t.true(
    (await dialect(again, "euler-stream").issue(EULER)).token.length > 0,
    "with its standby, as after a long stop",
  );
});

test("a key of a disabled profile can be revoked", async (t) => {
  const data = await tempFolder(t);
  const before = await startService(t, { data });
  const { keyId } = await dialect(before, "euler-stream").issue(EULER);
  await before.app.stop("SIGTERM");
  const without = await startService(t, { data, env: { SIGNET_PROFILES_DISABLE: "euler-stream" } });
  t.true((await published(without)).includes(keyId));
  await revokeKey(without, keyId);
  t.false((await published(without)).includes(keyId));
});

test("the keys of a disabled profile are sealed under a new KEK, and serve under it alone", async (t) => {
  const [data, keks] = [await tempFolder(t), await tempFolder(t)];
  const next = join(keks, "next");
  await createKekFile(next);
  const before = await startService(t, { data });
  const { keyId } = await dialect(before, "euler-stream").issue(EULER);
  await before.app.stop("SIGTERM");

  const env = { SIGNET_KEK_FILE: next };
  const both = { ...env, SIGNET_KEK_PREVIOUS: join(data, "kek"), SIGNET_PROFILES_DISABLE: "euler-stream" };
  const without = await startService(t, { data, env: both });
  // Its next epoch brings the keyset in use under the new KEK.
  await revokeKey(without, (await issue(without)).keyId);
  await without.app.stop("SIGTERM");

  const after = await startService(t, { data, env });
  t.is((await dialect(after, "euler-stream").issue(EULER)).keyId, keyId);
});

test("a keyset that never had a key is no obstacle to a start without its profile", async (t) => {
  const service = await startService(t, { env: { SIGNET_PROFILES_DISABLE: "euler-stream" } });
  t.deepEqual(await published(service), []);
});

test("a profile of the operator replaces one that ships where the configuration names it, and nowhere else", async (t) => {
  const folder = await folderWithVariant(t, "hivekit", "hivekit", { "name: hivekit_token": "name: session" });
  const env = { SIGNET_PROFILES_FOLDER: folder, SIGNET_PROFILES_REPLACE: "hivekit" };
  const service = await startService(t, { env });
  const hivekit = dialect(service, "hivekit", { tenant: "tenant-1", encoding: SecretEncoding.SECRET_ENCODING_BASE64 });
  await hivekit.importSecret(testKey("replaced profile").toString("base64"));
  const { token } = await hivekit.issue({ allow_all: true });
  t.is(verdictOf(await hivekit.present({ cookies: [{ name: "session", value: token }] })), "valid");
  t.is(verdictOf(await hivekit.present({ cookies: [{ name: "hivekit_token", value: token }] })), "CARRIER_MISSING");

  const refused = async (more: Record<string, string>) =>
    t.throwsAsync(startService(t, { env: { SIGNET_PROFILES_FOLDER: folder, ...more } }));
  t.regex((await refused({})).message, /hivekit\.yaml:3 profile: is already the name.*profiles\.replace/);
  t.regex((await refused({ SIGNET_PROFILES_DISABLE: "hivekit" })).message, /is already the name/);
  const both = { SIGNET_PROFILES_DISABLE: "hivekit", SIGNET_PROFILES_REPLACE: "hivekit" };
  t.regex((await refused(both)).message, /profiles\.replace: hivekit is in profiles\.disable as well/);
  const absent = { SIGNET_PROFILES_REPLACE: "hivekit,shoplive,hivekid" };
  const { message } = await refused(absent);
  t.regex(message, /shoplive must be the name of a profile in profiles\.folder/);
  t.regex(message, /hivekid is not the name of a profile that ships/);
  const misspelt = { ...env, SIGNET_PROFILES_DISABLE: "euler" };
  t.regex((await refused(misspelt)).message, /profiles\.disable: euler is not the name of a profile/);
});
