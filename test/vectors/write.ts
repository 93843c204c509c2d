// Usage: node test/vectors/write.ts > test/vectors/jws.json
// Writes vectors in the format of Wycheproof's json_web_signature_test.json, under new keys. jose says which tokens are
// valid; the flag "Strict" marks those that jose accepts, and a strict reader must not.
import {
  constants,
  createHmac,
  createPublicKey,
  createSecretKey,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
  sign,
} from "node:crypto";
import { compactVerify } from "jose";

const KID = "k1";
const CLAIMS = '{"sub":"alice"}';
const SIGNERS = {
  HS256: (key, input) => createHmac("sha256", key).update(input).digest(),
  RS256: (key, input) => sign("sha256", input, key),
  PS256: (key, input) => sign("sha256", input, pss(key, constants.RSA_PSS_SALTLEN_DIGEST)),
  ES256: (key, input) => sign("sha256", input, { key, dsaEncoding: "ieee-p1363" }),
  EdDSA: (key, input) => sign(null, input, key),
} as const satisfies Record<string, (key: KeyObject, input: Buffer) => Buffer>;
type Alg = keyof typeof SIGNERS;

/** A token, and whether it must be refused although jose accepts it. */
type Case = readonly [comment: string, jws: string, strict?: "Strict"];

let tcId = 0;

async function groupOf(alg: Alg) {
  const key = newKey(alg);
  const verifying = key.type === "secret" ? key : createPublicKey(key);
  const jwk = (of: KeyObject) => ({ alg, use: "sig", kid: KID, ...of.export({ format: "jwk" }) });
  const tests = [];
  for (const [comment, jws, strict] of cases(alg, key, verifying)) {
    const accepted = await compactVerify(jws, verifying, { algorithms: [alg] }).then(
      () => true,
      () => false,
    );
    if (strict !== undefined && !accepted) throw new Error(`${alg}, ${comment}: jose refuses it too`);
    tcId += 1;
    const result = accepted && strict === undefined ? "valid" : "invalid";
    tests.push({ tcId, comment, jws, result, flags: strict === undefined ? [] : [strict] });
  }
  return { type: "JsonWebSignature", comment: alg, private: jwk(key), public: jwk(verifying), tests };
}

function cases(alg: Alg, key: KeyObject, verifying: KeyObject): Case[] {
  const signed = (header: string, payload = base64url(CLAIMS), by = key) => {
    const input = `${base64url(header)}.${payload}`;
    return `${input}.${base64url(SIGNERS[alg](by, Buffer.from(input)))}`;
  };
  const own = JSON.stringify({ alg, kid: KID });
  const good = signed(own);
  const [header = "", payload = "", signature = ""] = good.split(".");
  const bytes = Buffer.from(signature, "base64url");
  const under = (changed: Uint8Array) => `${header}.${payload}.${base64url(changed)}`;
  const stranger = newKey(alg);
  const embedded = JSON.stringify({ alg, kid: KID, jwk: strangerJwk(stranger) });
  return [
    ["as it should be", good],
    ["members in another order", signed(`{"kid":"${KID}","alg":"${alg}"}`)],
    ["white space in the header", signed(`{ "alg" : "${alg}",\n\t"kid" : "${KID}" }`)],
    ["an escaped letter in the header", signed(`{"alg":"${alg}","k\\u0069d":"${KID}"}`)],
    ["typ JWT", signed(`{"alg":"${alg}","kid":"${KID}","typ":"JWT"}`)],
    ["another bit in the signature", under(bytes.map((byte, at) => (at === 3 ? byte ^ 1 : byte)))],
    ["the signature lacks its last byte", under(bytes.subarray(0, -1))],
    ["the signature has a byte more", under(Buffer.concat([bytes, Buffer.of(0)]))],
    ["the signature has a zero before it", under(Buffer.concat([Buffer.of(0), bytes]))],
    ["the signature is zeros", under(Buffer.alloc(bytes.length))],
    ["no signature", `${header}.${payload}.`],
    ["another payload", `${header}.${base64url('{"sub":"mallory"}')}.${signature}`],
    ["no payload", `${header}..${signature}`],
    ["two parts", `${header}.${payload}`],
    ["four parts", `${good}.${signature}`],
    ["JSON serialisation", JSON.stringify({ protected: header, payload, signature })],
    ["signed by another key", signed(own, payload, stranger)],
    ["signed by the key in its header", signed(embedded, payload, stranger)],
    ["alg none without a signature", `${base64url(`{"alg":"none","kid":"${KID}"}`)}.${payload}.`],
    ["alg none with a signature", signed(`{"alg":"NONE","kid":"${KID}"}`)],
    ["alg in lower case", signed(`{"alg":"${alg.toLowerCase()}","kid":"${KID}"}`)],
    ["no alg", signed(`{"kid":"${KID}"}`)],
    ["an extension that nobody knows", signed(`{"alg":"${alg}","kid":"${KID}","crit":["x"],"x":1}`)],
    [
      "a payload that is not encoded",
      signed(`{"alg":"${alg}","kid":"${KID}","crit":["b64"],"b64":false}`, CLAIMS),
      "Strict",
    ],
    ["a header that is no JSON", signed("alg")],
    ["a header that is a list", signed("[]")],
    ["no kid", signed(`{"alg":"${alg}"}`), "Strict"],
    ["a kid that is a number", signed(`{"alg":"${alg}","kid":1}`), "Strict"],
    ["alg twice", signed(`{"alg":"none","alg":"${alg}","kid":"${KID}"}`), "Strict"],
    ["a key in the header", signed(embedded), "Strict"],
    ["the address of keys", signed(`{"alg":"${alg}","kid":"${KID}","jku":"https://a.test"}`), "Strict"],
    ["a byte order mark", signed(`\u{FEFF}${own}`), "Strict"],
    ["padding", `${good}${"=".repeat((3 - (bytes.length % 3)) % 3)}`, "Strict"],
    ["a line break at the end", `${good}\n`, "Strict"],
    ["a space in the signature", `${header}.${payload}. ${signature}`, "Strict"],
    ["another last letter of the same bytes", withUnusedBits(good), "Strict"],
    ...ofAlgorithm[alg](under, `${header}.${payload}`, key, verifying, payload),
  ];
}

type Specific = (
  under: (signature: Uint8Array) => string,
  input: string,
  key: KeyObject,
  verifying: KeyObject,
  payload: string,
) => Case[];

const ofAlgorithm: Readonly<Record<Alg, Specific>> = {
  HS256: () => [],
  RS256: (under, input, key, verifying, payload) => [
    ["a digest of SHA-384", under(sign("sha384", Buffer.from(input), key))],
    ["PSS", under(sign("sha256", Buffer.from(input), pss(key, 32)))],
    confusion(verifying, payload),
  ],
  PS256: (under, input, key, verifying, payload) => [
    ["no salt", under(sign("sha256", Buffer.from(input), pss(key, 0)))],
    ["PKCS #1", under(sign("sha256", Buffer.from(input), key))],
    confusion(verifying, payload),
  ],
  ES256: (under, input, key, verifying, payload) => {
    const signature = SIGNERS.ES256(key, Buffer.from(input));
    const [r, s] = [signature.subarray(0, 32), BigInt(`0x${signature.subarray(32).toString("hex")}`)];
    const withS = (value: bigint) =>
      under(Buffer.concat([r, Buffer.from(value.toString(16).padStart(64, "0"), "hex")]));
    return [
      ["the other s of the same signature", withS(P256_ORDER - s)],
      ["s is zero", withS(0n)],
      ["s is the order of the curve", withS(P256_ORDER)],
      ["DER", under(sign("sha256", Buffer.from(input), key))],
      confusion(verifying, payload),
    ];
  },
  EdDSA: (under, input, key, verifying, payload) => {
    const signature = SIGNERS.EdDSA(key, Buffer.from(input));
    const s = BigInt(`0x${Buffer.from(signature.subarray(32)).reverse().toString("hex")}`) + ED25519_ORDER;
    const more = Buffer.from(s.toString(16).padStart(64, "0"), "hex").reverse();
    return [
      ["s is larger by the order of the group", under(Buffer.concat([signature.subarray(0, 32), more]))],
      confusion(verifying, payload),
    ];
  },
};

const P256_ORDER = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;
const ED25519_ORDER = 2n ** 252n + 27742317777372353535851937790883648493n;

/** The public key, which everybody has, taken for a secret (RFC 8725, 2.1). */
function confusion(verifying: KeyObject, payload: string): Case {
  const input = `${base64url(JSON.stringify({ alg: "HS256", kid: KID }))}.${payload}`;
  const secret = verifying.export({ format: "pem", type: "spki" });
  return ["HS256 with the public key", `${input}.${createHmac("sha256", secret).update(input).digest("base64url")}`];
}

/** Changes a bit of the last letter that no byte has: there are four or two, as no signature's length is 3 n. */
function withUnusedBits(jws: string): string {
  const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  return jws.slice(0, -1) + letters[letters.indexOf(jws.at(-1) ?? "") ^ 1];
}

function newKey(alg: Alg): KeyObject {
  if (alg === "HS256") return createSecretKey(randomBytes(32));
  if (alg === "EdDSA") return generateKeyPairSync("ed25519").privateKey;
  if (alg === "ES256") return generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey;
  return generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey;
}

function strangerJwk(key: KeyObject) {
  return (key.type === "secret" ? key : createPublicKey(key)).export({ format: "jwk" });
}

function pss(key: KeyObject, saltLength: number) {
  return { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength };
}

function base64url(content: string | Uint8Array): string {
  return Buffer.from(content).toString("base64url");
}

const testGroups = [];
for (const alg of Object.keys(SIGNERS) as Alg[]) testGroups.push(await groupOf(alg));
const schema = "json_web_signature_schema.json";
process.stdout.write(`${JSON.stringify({ schema, numberOfTests: tcId, testGroups }, null, 2)}\n`);
