import test from "ava";
import { SecretEncoding } from "../../src/gen/signet/v1/keys.ts";
import { tempFolder } from "../support/files/temp.ts";
import { badFields, dialect, verdictOf } from "../support/profiles/dialect.ts";
import { revokeKey } from "../support/service/key-calls.ts";
import { listKeys, type Service, startService } from "../support/service/service.ts";
import { foreignToken, testKey, textsOf } from "../support/tokens/foreign-token.ts";

/** An Ably API key and a JaaS key, as the pages of these vendors show them, and what else is allowed. */
const KIDS = [
  "xVLyHw.I-pwTw",
  "vpaas-magic-cookie-1fc542a3e4414a44b2611668195e2bfe/4f4910",
  `!"#$%&'()*+,-./:;<=>?@[\\]^_\`{|}~`,
  "../../etc/passwd",
  "secrets/hivekit/YWNtZQ/epoch/1",
  "~".repeat(255),
];
const CLAIMS = { sub: "u", allow_all: true };

const hivekit = (service: Service) =>
  dialect(service, "hivekit", { tenant: "acme", encoding: SecretEncoding.SECRET_ENCODING_BASE64 });

test("a kid of any printable ASCII signs, is found exactly, outlives a restart and can be revoked", async (t) => {
  const data = await tempFolder(t);
  const first = await startService(t, { data });
  const tokens = new Map<string, string>();
  for (const kid of KIDS) {
    const { key } = await hivekit(first).importSecret(testKey(kid).toString("base64"), { keyId: kid });
    t.is(key?.keyId, kid);
    const { token, keyId } = await hivekit(first).issue(CLAIMS);
    t.deepEqual([keyId, JSON.parse(textsOf(token).header).kid], [kid, kid]);
    tokens.set(kid, token);
  }
  await first.app.stop("SIGTERM");

  const service = await startService(t, { data });
  const { verify } = hivekit(service);
  const { keys } = await listKeys(service);
  t.deepEqual(
    keys.filter(({ profile }) => profile === "hivekit").map(({ keyId }) => keyId),
    KIDS.toReversed(),
  );
  for (const [kid, token] of tokens) t.is(verdictOf(await verify(token)), "valid", kid);

  const [kid = "", other = ""] = KIDS;
  const { header, claims } = textsOf(tokens.get(kid) ?? "");
  const verdict = async (name: unknown, key = testKey(kid)) =>
    verdictOf(await verify(foreignToken({ ...JSON.parse(header), kid: name }, claims, key)));
  t.is(await verdict(kid), "valid");
  t.is(await verdict(kid, testKey(other)), "BAD_SIGNATURE");
  for (const near of [kid.toLowerCase(), kid.slice(0, -1), `./${kid}`, kid.replace(".", "%2e"), "xVLyHw", "I-pwTw"])
    t.is(await verdict(near), "UNKNOWN_KEY", near);
  for (const bad of [`${kid} `, `${kid}\n`, `${kid}\0`, `${kid}é`, "~".repeat(256), ""])
    t.is(await verdict(bad), "HEADER_INVALID", bad);

  await revokeKey(service, kid, { profile: "hivekit", tenant: "acme" });
  t.is(await verdict(kid), "KEY_REVOKED");
  t.is(verdictOf(await verify(tokens.get(other) ?? "")), "valid");

  const token = foreignToken({ alg: "HS256" }, {}, testKey(other));
  for (const keyId of ["a b", "a\tb", "é", "k".repeat(256), token]) {
    t.deepEqual(await badFields(hivekit(service).importSecret(testKey("x").toString("base64"), { keyId })), ["key_id"]);
    t.deepEqual(await badFields(revokeKey(service, keyId, { profile: "hivekit", tenant: "acme" })), ["key_id"]);
  }
});
