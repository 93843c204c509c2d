import { createPublicKey, createSecretKey, generateKeyPairSync, type KeyObject, randomBytes } from "node:crypto";
import test, { type ExecutionContext } from "ava";
import { jwtVerify, SignJWT } from "jose";
import type { AuditEvent, AuditLog } from "../../src/audit/event.ts";
import { type ImportKeyRequest, SecretEncoding } from "../../src/gen/signet/v1/keys.ts";
import { ALGORITHMS, type Algorithm, isMac, KEYSET_ALGORITHMS, type KeysetAlgorithm } from "../../src/keys/model.ts";
import { filesIn } from "../support/files/config-files.ts";
import { tempFolder } from "../support/files/temp.ts";
import { dialect, verdictOf } from "../support/profiles/dialect.ts";
import { getProfile } from "../support/profiles/profile-client.ts";
import { vendorProfile } from "../support/profiles/vendor-profile.ts";
import { get } from "../support/service/get.ts";
import { importKey } from "../support/service/key-calls.ts";
import { failureOf } from "../support/service/rich-error.ts";
import { listKeys, type Service, startService } from "../support/service/service.ts";
import { claimsOf, foreignToken, textsOf } from "../support/tokens/foreign-token.ts";
import { CERTIFICATE } from "../support/tokens/public-texts.ts";
import { jwkOf, pemOf, publicPemOf, vendorKey } from "../support/tokens/vendor-keys.ts";

const BYTES = { HS256: 32, HS384: 48, HS512: 64 } as const;
const { SECRET_ENCODING_BASE64: BASE64, SECRET_ENCODING_UNSPECIFIED: NONE } = SecretEncoding;

async function start(
  t: ExecutionContext,
  data: string,
  algorithms: readonly Algorithm[] = ALGORITHMS,
  events: AuditEvent[] = [],
): Promise<Service> {
  const folder = await filesIn(t, { "vendor.yaml": vendorProfile(algorithms) });
  const wrapAudit = (audit: AuditLog): AuditLog => ({
    async append(event, time, until) {
      await audit.append(event, time, until);
      events.push(event);
    },
  });
  return startService(t, { data, env: { SIGNET_PROFILES_FOLDER: folder }, surroundings: { wrapAudit } });
}

const vendor = (service: Service, tenant: string) => dialect(service, "vendor", { tenant });

/** What a vendor gives its customer, with the key for its own library. */
interface Given {
  readonly request: Partial<ImportKeyRequest>;
  readonly key: KeyObject;
}

function given(alg: Algorithm): Given {
  if (isMac(alg)) {
    const bytes = randomBytes(BYTES[alg]);
    return { request: { secret: bytes.toString("base64"), encoding: BASE64 }, key: createSecretKey(bytes) };
  }
  const key = vendorKey(alg);
  const texts: Readonly<Record<KeysetAlgorithm, string>> = {
    RS256: alg === "RS256" ? pemOf(key, "pkcs1") : "",
    PS256: JSON.stringify(jwkOf(key, { alg, use: "sig" }), null, 2),
    ES256: alg === "ES256" ? `${pemOf(key, "sec1")}\n` : "",
    EdDSA: pemOf(key),
  };
  return { request: { secret: texts[alg], encoding: NONE }, key };
}

const publicOf = (key: KeyObject) => (key.type === "secret" ? key : createPublicKey(key));
const importFor = (service: Service, tenant: string, request: Partial<ImportKeyRequest>) =>
  importKey(service, { profile: "vendor", tenant, ...request });

test("the log has the public key of each imported key before its first token, also after a restart", async (t) => {
  const data = await tempFolder(t);
  const [before, after]: [AuditEvent[], AuditEvent[]] = [[], []];
  const first = await start(t, data, ALGORITHMS, before);
  for (const algorithm of ALGORITHMS)
    await importFor(first, algorithm, { keyId: "k1", algorithm, ...given(algorithm).request });
  const issueAll = async (service: Service) => {
    for (const algorithm of ALGORITHMS) await vendor(service, algorithm).issue({});
  };
  await issueAll(first);
  await first.app.stop("TEST");
  await issueAll(await start(t, data, ALGORITHMS, after));
  for (const [at, events] of [before, after].entries())
    for (const alg of ALGORITHMS) {
      const own = events.flatMap((event) =>
        "tenant" in event && event.tenant === alg && "keyId" in event ? [event.type] : [],
      );
      const imported = at === 0 ? ["key.imported"] : [];
      t.deepEqual(own, [...imported, ...(isMac(alg) ? [] : ["key.published"]), "token.issued"], `${alg} ${at}`);
    }
});

test("a key of every algorithm signs for the vendor, verifies its tokens, outlives a restart, and is in no JWKS", async (t) => {
  const data = await tempFolder(t);
  const first = await start(t, data);
  const givens = new Map<Algorithm, Given>(ALGORITHMS.map((alg) => [alg, given(alg)]));
  for (const [algorithm, { request }] of givens) {
    // Two tenants with one kid and different algorithms: each token names that of its own key.
    const { key, warnings } = await importFor(first, algorithm, { keyId: "k1", algorithm, ...request });
    t.like(key, {
      keyId: "k1",
      algorithm,
      byteLength: { ...BYTES, RS256: 256, PS256: 256 }[algorithm as "HS256"] ?? 32,
    });
    t.deepEqual(warnings, []);
    const { token } = await vendor(first, algorithm).issue({});
    t.deepEqual(JSON.parse(textsOf(token).header), { alg: algorithm, kid: "k1" });
  }
  await first.app.stop("SIGTERM");

  const service = await start(t, data);
  for (const [alg, { key }] of givens) {
    const { verify, issue } = vendor(service, alg);
    const { token } = await issue({});
    const { payload } = await jwtVerify(token, publicOf(key), { algorithms: [alg] });
    t.deepEqual({ ...payload }, claimsOf(token), alg);
    t.is(verdictOf(await verify(token)), "valid", alg);
    const theirs = await new SignJWT(claimsOf(token)).setProtectedHeader({ alg, typ: "JWT", kid: "k1" }).sign(key);
    t.is(verdictOf(await verify(theirs)), "valid", alg);
    t.is(verdictOf(await verify(`${theirs.slice(0, -8)}AAAAAAAA`)), "BAD_SIGNATURE", alg);
    t.is(verdictOf(await vendor(service, alg === "HS256" ? "HS384" : "HS256").verify(theirs)), "ALGORITHM_NOT_ALLOWED");
  }
  const jwks = JSON.parse(await (await get(`${service.url}/.well-known/jwks.json`)).text());
  const { keys } = await listKeys(service);
  const rotating = keys.filter(({ keyset }) => keyset !== "").map(({ keyId }) => keyId);
  t.true(jwks.keys.length > 0);
  t.true(jwks.keys.every(({ kid }: { kid: string }) => rotating.includes(kid)));
  t.is(keys.filter(({ profile }) => profile === "vendor").length, ALGORITHMS.length);

  t.like(await getProfile(service, "vendor"), { keys: { algorithm: "HS256", algorithms: [...ALGORITHMS] } });

  await confuse(t, service, givens);
  await service.app.stop("SIGTERM");
  await narrow(t, data, givens);
});

/** RFC 8725, 3.1: no token chooses the algorithm of the key that it names. */
async function confuse(t: ExecutionContext, service: Service, givens: ReadonlyMap<Algorithm, Given>): Promise<void> {
  for (const alg of KEYSET_ALGORITHMS) {
    const key = givens.get(alg)?.key ?? vendorKey(alg);
    const { verify, issue } = vendor(service, alg);
    const claims = claimsOf((await issue({})).token);
    for (const text of [
      publicPemOf(key),
      publicPemOf(key).trimEnd(),
      JSON.stringify(createPublicKey(key).export({ format: "jwk" })),
    ])
      t.is(
        verdictOf(await verify(foreignToken({ alg: "HS256", kid: "k1" }, claims, Buffer.from(text)))),
        "ALGORITHM_NOT_ALLOWED",
      );
    t.is(
      verdictOf(await verify(foreignToken({ alg, kid: "k1" }, claims, Buffer.from(publicPemOf(key))))),
      "BAD_SIGNATURE",
    );
    t.is(
      verdictOf(await verify(foreignToken({ alg: "none", kid: "k1" }, claims, randomBytes(32)))),
      "ALGORITHM_NOT_ALLOWED",
    );
  }
  const key = givens.get("RS256")?.key ?? vendorKey("RS256");
  const other = await new SignJWT({ exp: 4_000_000_000 }).setProtectedHeader({ alg: "PS256", kid: "k1" }).sign(key);
  t.is(verdictOf(await vendor(service, "RS256").verify(other)), "ALGORITHM_NOT_ALLOWED");
}

/** A profile that no longer allows the algorithm of an imported key. */
async function narrow(t: ExecutionContext, data: string, givens: ReadonlyMap<Algorithm, Given>): Promise<void> {
  const service = await start(t, data, ["ES256"]);
  for (const alg of ["HS512", "ES256"] as const) {
    const key = givens.get(alg)?.key ?? vendorKey("ES256");
    const exp = Math.floor(Date.now() / 1000) + 60;
    const token = await new SignJWT({ iat: exp - 60, exp }).setProtectedHeader({ alg, kid: "k1" }).sign(key);
    t.is(verdictOf(await vendor(service, alg).verify(token)), alg === "ES256" ? "valid" : "ALGORITHM_NOT_ALLOWED");
  }
  t.is((await failureOf(vendor(service, "HS512").issue({}))).reason, "KEY_NOT_IMPORTED");
  t.is((await vendor(service, "ES256").issue({})).keyId, "k1");
}

test("what is no usable private key is refused in words that reveal nothing of it", async (t) => {
  const service = await start(t, await tempFolder(t));
  const [rsa, ec, ed] = [vendorKey("RS256"), vendorKey("ES256"), vendorKey("EdDSA")];
  const passphrase = { cipher: "aes-256-cbc", passphrase: "open sesame" } as const;
  const json = (jwk: unknown) => JSON.stringify(jwk);
  for (const [what, algorithm, secret, rule] of [
    ["an encrypted key", "ES256", ec.export({ format: "pem", type: "pkcs8", ...passphrase }), /is encrypted/],
    ["an encrypted key of SEC1", "ES256", ec.export({ format: "pem", type: "sec1", ...passphrase }), /is encrypted/],
    ["a public key", "RS256", publicPemOf(rsa), /is a public key or certificate/],
    ["a certificate", "RS256", CERTIFICATE, /is a public key or certificate/],
    ["a public JWK", "EdDSA", json(createPublicKey(ed).export({ format: "jwk" })), /is a public key/],
    ["a JWK Set", "EdDSA", json({ keys: [jwkOf(ed)] }), /is a JWK Set/],
    ["a symmetric JWK", "EdDSA", json({ kty: "oct", k: "AAAA" }), /is a symmetric key/],
    ["a JWK for another algorithm", "RS256", json(jwkOf(rsa, { alg: "PS256" })), /has another alg than RS256/],
    ["a JWK for encryption", "RS256", json(jwkOf(rsa, { use: "enc" })), /has a use other than sig/],
    ["a JWK that verifies alone", "ES256", json(jwkOf(ec, { key_ops: ["verify"] })), /has key_ops without sign/],
    [
      "a JWK with the public key of another",
      "EdDSA",
      json(jwkOf(ed, { x: jwkOf(vendorKey("EdDSA")).x })),
      /contradicts/,
    ],
    ["a JWK with a kid that is not the request's", "EdDSA", json(jwkOf(ed, { kid: "other" })), /contradicts the kid/],
    [
      "a key of another type",
      "ES256",
      pemOf(rsa),
      /is a key of type rsa \(2048 bits, exponent 65537\), and ES256 needs/,
    ],
    [
      "RSA of 1024 bits",
      "RS256",
      pemOf(shortRsa()),
      /1024 bits, exponent 65537\), and RS256 needs an RSA key of 2048 to 4096/,
    ],
    ["RSA with the exponent 1, with which anyone can sign", "RS256", json(jwkOf(rsa, ONE)), /public exponent above 2/],
    ["RSA with a prime that is 1", "RS256", json(jwkOf(rsa, { p: "AQ", q: jwkOf(rsa).n })), /contradicts itself/],
    ["a text of nothing", "RS256", "secret", /must be a private key in PEM/],
    ["two keys", "ES256", pemOf(ec) + pemOf(ec), /one private key alone/],
  ] as const) {
    const request = { algorithm, secret: String(secret), encoding: NONE, keyId: "k1" };
    const { code, violations, message } = await failureOf(importFor(service, "acme", request));
    t.is(code, "INVALID_ARGUMENT", what);
    t.is(violations.length, 1, what);
    t.regex(violations[0]?.description ?? "", rule, what);
    const body = String(secret).replaceAll(/-----.*-----|\s/g, "");
    t.false(body.length > 40 && message.replaceAll(/\s/g, "").includes(body.slice(20, 40)), what);
  }
  for (const [what, request, field] of [
    ["no algorithm where the profile allows several", { algorithm: "", secret: pemOf(ec) }, "algorithm"],
    ["an algorithm that the profile does not allow", { algorithm: "RS512", secret: pemOf(rsa) }, "algorithm"],
    ["an encoding for a private key", { algorithm: "ES256", secret: pemOf(ec), encoding: BASE64 }, "encoding"],
    ["a secret without an encoding", { algorithm: "HS256", secret: randomBytes(32).toString("base64") }, "encoding"],
  ] as const) {
    const { violations } = await failureOf(importFor(service, "acme", { encoding: NONE, ...request }));
    t.deepEqual(
      violations.map((one) => one.field),
      [field],
      what,
    );
  }
  t.deepEqual(
    (await listKeys(service)).keys.filter(({ profile }) => profile === "vendor"),
    [],
  );
});

test("short secrets and published keys are weak, a key has one algorithm, and a JWK brings its kid", async (t) => {
  const service = await start(t, await tempFolder(t));
  const secretOf = (bytes: number) => randomBytes(bytes).toString("base64");
  for (const [algorithm, bytes] of [
    ["HS384", 47],
    ["HS512", 63],
  ] as const) {
    const weak = { algorithm, secret: secretOf(bytes), encoding: BASE64 };
    t.is((await failureOf(importFor(service, "weak", weak))).reason, "WEAK_KEY");
    t.is((await importFor(service, "weak", { ...weak, secret: secretOf(bytes + 1) })).warnings.length, 0);
    t.deepEqual((await importFor(service, "weak", { ...weak, allowWeak: true })).warnings, ["WEAK_KEY"]);
  }
  // RFC 8037, A.1.
  const sample = {
    ...{ kty: "OKP", crv: "Ed25519", d: "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A" },
    x: "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
  };
  const published = { algorithm: "EdDSA", secret: JSON.stringify(sample), encoding: NONE };
  t.is((await failureOf(importFor(service, "weak", published))).reason, "WEAK_KEY");

  // Its length is no whole number of bytes.
  const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2052 });
  const odd = { algorithm: "RS256", secret: pemOf(privateKey), encoding: NONE };
  t.is((await importFor(service, "odd", odd)).key?.byteLength, 257);
  const signed = await vendor(service, "odd").issue({});
  t.is(verdictOf(await vendor(service, "odd").verify(signed.token)), "valid");
  t.is((await importFor(service, "odd", { ...odd, secret: pemOf(vendorKey("RS256")) })).overlapping, 1);

  const rsa = JSON.stringify(jwkOf(vendorKey("RS256"), { kid: "app.1/main" }));
  const { key } = await importFor(service, "acme", { algorithm: "RS256", secret: rsa, encoding: NONE });
  t.is(key?.keyId, "app.1/main");
  const again = { secret: rsa.replace("app.1/main", "second"), encoding: NONE };
  for (const algorithm of ["RS256", "PS256"])
    t.is((await failureOf(importFor(service, "acme", { algorithm, ...again }))).reason, "KEY_EXISTS", algorithm);
  const ended = await importFor(service, "acme", { algorithm: "PS256", ...again, overlap: { seconds: 0n, nanos: 0 } });
  t.like(ended, { overlapping: 0, key: { keyId: "second", algorithm: "PS256", fingerprint: key?.fingerprint } });
});

/** The members of an RSA key whose exponents are 1: they fit every modulus. */
const ONE = { e: "AQ", d: "AQ", dp: "AQ", dq: "AQ" };

function shortRsa(): KeyObject {
  return generateKeyPairSync("rsa", { modulusLength: 1024 }).privateKey;
}
