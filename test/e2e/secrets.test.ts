import { randomBytes } from "node:crypto";
import test from "ava";
import { SecretEncoding } from "../../src/gen/signet/v1/keys.ts";
import { filesIn } from "../support/files/config-files.ts";
import { tempFolder } from "../support/files/temp.ts";
import { readAuditStream } from "../support/nats/audit-stream.ts";
import { startNats, testWithNats } from "../support/nats/nats-server.ts";
import { vendorProfile } from "../support/profiles/vendor-profile.ts";
import { get } from "../support/service/get.ts";
import { importKey } from "../support/service/key-calls.ts";
import { startRemote } from "../support/service/remote-service.ts";
import { failureOf } from "../support/service/rich-error.ts";
import { issue, listKeys, verify } from "../support/service/service.ts";
import { dataFiles, keySecrets, leaks, type Places, type Secrets } from "../support/tokens/secrets.ts";
import { jwkOf, vendorKey } from "../support/tokens/vendor-keys.ts";
import { startCollector } from "../support/traces/collector.ts";
import { recordsAll } from "../support/traces/traced-calls.ts";

const SUBJECT = "subject-7f3a9c@example.test";
const CLAIM = "claim-value-b81e44";
const CLAIM_NAME = "claim-name-51d0aa";
/** The profile names it as safe to show. */
const SCOPE = "orders:read";
const WEAK = "weak-9d41c7";
const REFUSED = "refused!73ba02";
const UTF8 = SecretEncoding.SECRET_ENCODING_UTF8;
const BAD = "control\u0001-9e2b77-subject";

testWithNats("no token, key, subject or claim is in any log, event, metric, trace, error text or file", async (t) => {
  const nats = await startNats(t);
  const data = await tempFolder(t);
  const folder = await filesIn(t, { "vendor.yaml": vendorProfile(["EdDSA"]) });
  const collector = await startCollector(t);
  const env = {
    ...{ SIGNET_NATS_URL: nats.url, SIGNET_LOG_LEVEL: "debug", SIGNET_PROFILES_FOLDER: folder },
    ...recordsAll(collector),
  };
  const service = await startRemote(t, { data, env });
  const stderr: string[] = [];
  service.process.child.stderr?.on("data", (text) => stderr.push(String(text)));
  const imported = randomBytes(32);
  const [asText, asBytes] = [{ secret: imported.toString("base64") }, { secret: WEAK, allowWeak: true }];
  await importKey(service, { profile: "shoplive", keyId: "imported", ...asText });
  await importKey(service, { profile: "viasocket", keyId: "weak", encoding: UTF8, ...asBytes });
  const [privateKey, refusedKey] = [jwkOf(vendorKey("EdDSA")), jwkOf(vendorKey("EdDSA"), { x: "AAAA" })];
  const asJwk = (key: object) => ({
    secret: JSON.stringify(key),
    encoding: SecretEncoding.SECRET_ENCODING_UNSPECIFIED,
  });
  await importKey(service, { profile: "vendor", tenant: "acme", keyId: "private", ...asJwk(privateKey) });
  const tokens: string[] = [];
  for (let count = 0; count < 20; count += 1)
    tokens.push((await issue(service, { subject: SUBJECT, claims: { scope: SCOPE, [CLAIM_NAME]: CLAIM } })).token);

  const vendors = { subject: "", audience: [] };
  tokens.push((await issue(service, { ...vendors, profile: "shoplive", claims: { userId: SUBJECT } })).token);

  const [token = ""] = tokens;
  const [header, payload, signature = ""] = token.split(".");
  const rejected = [
    await verify(service, token, { audience: "other" }),
    await verify(service, `${header}.${payload}.${signature.replace(/^./, (first) => (first === "A" ? "B" : "A"))}`),
    await verify(service, `${token}.${token}`),
    await verify(service, `${token.slice(0, -4)}====`),
  ];
  t.true(rejected.every(({ valid }) => !valid));
  const errors = [
    await failureOf(issue(service, { subject: BAD })),
    await failureOf(issue(service, { subject: SUBJECT.repeat(20) })),
    await failureOf(issue(service, { subject: SUBJECT, claims: { scope: `${CLAIM}  double space` } })),
    await failureOf(issue(service, { subject: SUBJECT, claims: { roles: CLAIM } })),
    await failureOf(issue(service, { profile: "none", subject: SUBJECT })),
    await failureOf(verify(service, token, { profile: "none" })),
    await failureOf(verify(service, token, { audience: "" })),
    await failureOf(importKey(service, { profile: "viasocket", encoding: UTF8, secret: REFUSED })),
    await failureOf(importKey(service, { profile: "hivekit", secret: REFUSED, keyId: REFUSED })),
    await failureOf(importKey(service, { profile: "shoplive", keyId: "imported", ...asText })),
    await failureOf(importKey(service, { profile: "vendor", tenant: "acme", ...asJwk(refusedKey) })),
  ];
  const shown = {
    keys: await listKeys(service),
    jwks: await (await get(`${service.url}/.well-known/jwks.json`)).text(),
  };
  const metrics = await (await get(`${service.url}/metrics`)).text();
  t.is(await service.process.stop(), 0);

  const events = await readAuditStream(nats.url);
  t.true(events.length > 20, "the events were read");
  t.true(service.process.log.length >= 3, "the log was read");
  t.true(collector.spans.length > 60, "the traces were read");
  const places: Places = {
    log: JSON.stringify(service.process.log),
    stderr: stderr.join(""),
    events: Buffer.concat(events.map(({ body }) => Buffer.from(body))),
    headers: JSON.stringify(events.map(({ subject, headers }) => [subject, [...(headers ?? [])]])),
    metrics,
    traces: Buffer.concat(collector.requests.map(({ body }) => body)),
    rejections: JSON.stringify(rejected, showBigInt),
    errors: JSON.stringify(errors),
    shown: JSON.stringify(shown, showBigInt),
    ...dataFiles(data),
  };
  const secrets: Secrets = {
    ...(await keySecrets(data)),
    ...Object.fromEntries(tokens.map((whole, at) => [`signature ${at}`, whole.split(".")[2] ?? ""])),
    payload: payload ?? "",
    subject: SUBJECT,
    claim: CLAIM,
    "bad subject": BAD.slice(-14),
    imported,
    "imported private key": Buffer.from(privateKey.d ?? "", "base64url"),
    "refused private key": Buffer.from(refusedKey.d ?? "", "base64url"),
    weak: WEAK,
    refused: REFUSED,
  };
  const sealed = Object.keys(secrets).filter((name) => /^(seed|text) of/.test(name));
  t.is(sealed.length, shown.keys.keys.length, "every private key and imported secret is looked for");
  t.deepEqual(leaks(secrets, places), []);
  t.true(Buffer.from(places.events ?? "").includes(SCOPE), "what was granted is in the events");

  // The negative control: each secret is found in each place where it is planted.
  for (const [name, value] of Object.entries(secrets))
    for (const [place, content] of Object.entries(places)) {
      const planted = Buffer.concat([Buffer.from(content), Buffer.from(value), Buffer.from(content)]);
      t.deepEqual(leaks({ [name]: value }, { [place]: planted }), [`${name} in ${place}`]);
    }
});

test("a secret is found in each form in which it could be written", (t) => {
  const secret = Buffer.from("a secret of many bytes");
  for (const form of ["latin1", "hex", "base64", "base64url"] as const) {
    const places = { log: `{"event":"${secret.toString(form)}"}`, other: "nothing" };
    t.deepEqual(leaks({ secret }, places), ["secret in log"], form);
  }
});

function showBigInt(_key: string, value: unknown): unknown {
  return typeof value === "bigint" ? String(value) : value;
}
