import { randomBytes } from "node:crypto";
import test from "ava";
import { SecretEncoding } from "../../src/gen/signet/v1/keys.ts";
import { type AuditMessage, readAuditStream } from "../support/nats/audit-stream.ts";
import { startNats, testWithNats } from "../support/nats/nats-server.ts";
import { badFields, dialect, verdictOf } from "../support/profiles/dialect.ts";
import { importEverywhere, type Known } from "../support/profiles/every-profile.ts";
import { getProfile } from "../support/profiles/profile-client.ts";
import { clockFile, startClocked } from "../support/replicas/clocked-service.ts";
import { allForwarded, startRemote } from "../support/service/remote-service.ts";
import { failureOf } from "../support/service/rich-error.ts";
import { FAST_ROTATION, listKeys, promised, type Service } from "../support/service/service.ts";
import { shared } from "../support/service/shared.ts";
import { claimsOf, foreignToken, testKey, textsOf } from "../support/tokens/foreign-token.ts";
import { waitUntil } from "../support/wait-until.ts";

/** One secret under all profiles with imported keys, as if it were shared by mistake. */
const KEY = testKey("common");
const SECRET = KEY.toString("base64");

const { SECRET_ENCODING_BASE64, SECRET_ENCODING_BASE64URL, SECRET_ENCODING_HEX } = SecretEncoding;

const everyProfile = (service: Service) => importEverywhere(service, SECRET);

const unchanged = shared(test, async (t) => {
  const service = await startRemote(t);
  return { service, profiles: await everyProfile(service) };
});

async function allKnown(): Promise<readonly Known[]> {
  return Object.values((await unchanged()).profiles);
}

test.serial("X1: a signature whose last character differs in its unused bits alone is MALFORMED", async (t) => {
  const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  for (const { name, grant, verify } of await allKnown()) {
    const token = await grant();
    t.is(verdictOf(await verify(token)), "valid", name);
    const last = alphabet.indexOf(token.at(-1) ?? "");
    const signature = Buffer.from(token.split(".")[2] ?? "", "base64url");
    for (const bit of [1, 2]) {
      const twin = `${token.slice(0, -1)}${alphabet[last ^ bit]}`;
      t.deepEqual(Buffer.from(twin.split(".")[2] ?? "", "base64url"), signature, "it decodes to the same bytes");
      t.is(verdictOf(await verify(twin)), "MALFORMED", `${name} ${bit}`);
    }
  }
});

test.serial("X2: a token with =, a space or a newline at its end is MALFORMED", async (t) => {
  for (const { name, grant, verify } of await allKnown()) {
    const token = await grant();
    for (const end of ["=", "==", " ", "\n", "\r\n", "\t"])
      t.is(verdictOf(await verify(token + end)), "MALFORMED", `${name} ${JSON.stringify(end)}`);
    t.is(verdictOf(await verify(` ${token}`)), "MALFORMED", name);
  }
});

test.serial("X3: without exp, where the profile requires it, a token is EXP_MISSING", async (t) => {
  const { viasocket: _, ...profiles } = (await unchanged()).profiles;
  for (const { name, grant, sign, verify } of Object.values(profiles)) {
    const token = await grant();
    const { exp: _, ...claims } = claimsOf(token);
    t.is(verdictOf(await verify(sign(textsOf(token).header, claims))), "EXP_MISSING", name);
  }
});

test.serial(
  "X4: an exp that is a fraction, a text, not finite or 1e21 is CLAIM_INVALID, milliseconds LIFETIME_EXCEEDED",
  async (t) => {
    for (const { name, grant, sign, verify } of await allKnown()) {
      const token = await grant();
      const { header, claims } = textsOf(token);
      const verdict = async (exp: string) => verdictOf(await verify(sign(header, withMember(claims, "exp", exp))));
      const soon = Math.floor(Date.now() / 1000) + 60;
      t.is(await verdict(`${soon}`), "valid", name);
      for (const exp of [`${soon}.5`, `"${soon}"`, "1e400", "-1e400", "1e21", "null", "[]", "true"])
        t.is(await verdict(exp), "CLAIM_INVALID", `${name} ${exp}`);
      t.is(await verdict(`${soon}000`), "LIFETIME_EXCEEDED", name);
      for (const time of ["iat", "exp"]) {
        const value = claimsOf(token)[time];
        t.true(value === undefined || Number.isSafeInteger(value), `${name} writes whole seconds`);
      }
    }
  },
);

test.serial("X5: an iat beyond the skew is NOT_YET_VALID; what is issued has the second that has begun", async (t) => {
  for (const { name, grant, sign, verify } of await allKnown()) {
    const { token, second } = await issuedLateInASecond(grant);
    t.is(claimsOf(token).iat, second, name);
    t.is(verdictOf(await verify(token)), "valid", name);
    const { header, claims } = textsOf(token);
    // A question about the past: only the token's times and this one count, and not how fast the machine is.
    const at = second - 60;
    const ahead = async (seconds: number) => {
      const moved = withMember(claims, "iat", `${at + seconds}`);
      return verdictOf(await verify(sign(header, moved), { at: new Date(at * 1000) }));
    };
    t.is(await ahead(60), "valid", name);
    t.is(await ahead(61), "NOT_YET_VALID", name);
  }
});

/** A token that was issued in the second half of a second, where rounding would give the next one. */
async function issuedLateInASecond(grant: () => Promise<string>): Promise<{ token: string; second: number }> {
  await waitUntil("a second is half over", () => Date.now() % 1000 >= 500);
  const second = Math.floor(Date.now() / 1000);
  const token = await grant();
  return Date.now() < (second + 1) * 1000 ? { token, second } : issuedLateInASecond(grant);
}

test.serial("X6: a name that is twice in the header, the claims or deeper is MALFORMED", async (t) => {
  for (const { name, grant, sign, verify } of await allKnown()) {
    const { header, claims } = textsOf(await grant());
    const twice = (json: string) => json.replace(/^\{("[a-z_A-Z]+"):/, '{$1:"first",$1:');
    for (const [what, token] of [
      ["header", sign(twice(header), claims)],
      ["claims", sign(header, twice(claims))],
      ["escaped", sign(header, claims.replace(/^\{/, '{"i\\u0061t":1,'))],
      ["deeper", sign(header, claims.replace(/\}$/, ',"x":{"a":1,"a":1}}'))],
    ] as const)
      t.is(verdictOf(await verify(token)), "MALFORMED", `${name}: ${what}`);
  }
});

test.serial(
  "X7: an alg that is not the key's is ALGORITHM_NOT_ALLOWED: none, RS for HS, and HS with the public key",
  async (t) => {
    const { service, profiles } = await unchanged();
    for (const { name, grant, verify } of Object.values(profiles)) {
      const { header, claims } = textsOf(await grant());
      for (const alg of ["none", "None", "HS384", "HS512", "RS256", "ES256"]) {
        const forged = foreignToken({ ...JSON.parse(header), alg }, claims, KEY);
        t.is(verdictOf(await verify(forged)), "ALGORITHM_NOT_ALLOWED", `${name} ${alg}`);
      }
      const unsigned = `${foreignToken({ ...JSON.parse(header), alg: "none" }, claims, KEY)
        .split(".")
        .slice(0, 2)
        .join(".")}.`;
      t.is(verdictOf(await verify(unsigned)), "MALFORMED", `${name} without a signature`);
    }
    const { keys } = await promised(service.keys.getJwks.bind(service.keys), {});
    for (const { name, grant, verify } of [profiles.service, profiles.euler]) {
      const { header, claims } = textsOf(await grant());
      const parsed = JSON.parse(header);
      const x = keys.find(({ kid }) => kid === parsed.kid)?.x ?? "";
      t.is(x.length, 43, "the public key is in the JWKS");
      for (const secret of [Buffer.from(x, "base64url"), Buffer.from(x)])
        t.is(
          verdictOf(await verify(foreignToken({ ...parsed, alg: "HS256" }, claims, secret))),
          "ALGORITHM_NOT_ALLOWED",
          name,
        );
    }
  },
);

test.serial("X7: jwk, jku, x5u, x5c, crit, b64 and zip in the header are HEADER_INVALID", async (t) => {
  for (const { name, grant, sign, verify } of await allKnown()) {
    const { header, claims } = textsOf(await grant());
    for (const [parameter, value] of Object.entries({
      jwk: { kty: "oct", k: KEY.toString("base64url") },
      jku: "http://127.0.0.1:1/jwks.json",
      x5u: "http://127.0.0.1:1/cert.pem",
      x5c: ["AAAA"],
      crit: ["b64"],
      b64: false,
      zip: "DEF",
    })) {
      const forged = sign({ ...JSON.parse(header), [parameter]: value }, claims);
      t.is(verdictOf(await verify(forged)), "HEADER_INVALID", `${name} ${parameter}`);
    }
  }
});

test.serial("X8: a secret of fewer than 32 bytes is refused at import, in every encoding and profile", async (t) => {
  const service = await startRemote(t);
  for (const [name, tenant] of [
    ["reactive", ""],
    ["hivekit", "acme"],
    ["shoplive", ""],
    ["viasocket", ""],
  ] as const) {
    const { importSecret } = dialect(service, name, { tenant });
    for (const [length, outcome] of [
      [31, "WEAK_KEY"],
      [32, "imported"],
    ] as const) {
      for (const [encoding, secret] of [
        [SECRET_ENCODING_BASE64, randomBytes(length).toString("base64")],
        [SECRET_ENCODING_BASE64URL, randomBytes(length).toString("base64url")],
        [SECRET_ENCODING_HEX, randomBytes(length).toString("hex")],
      ] as const) {
        const importing = importSecret(secret, { encoding });
        const actual =
          outcome === "imported" ? await importing.then(() => outcome) : (await failureOf(importing)).reason;
        t.is(actual, outcome, `${name} ${length} ${encoding}`);
      }
    }
  }
});

test.serial(
  "X9: a secret that does not come out again as it went in is refused, and the encoding is named",
  async (t) => {
    const { importSecret } = dialect((await unchanged()).service, "shoplive");
    const base64 = SECRET;
    for (const [encoding, secret, name] of [
      [SECRET_ENCODING_BASE64, base64.replace(/=+$/, ""), "base64"],
      [SECRET_ENCODING_BASE64, `${base64}\n`, "base64"],
      [SECRET_ENCODING_BASE64, ` ${base64}`, "base64"],
      [SECRET_ENCODING_BASE64, `${"A".repeat(42)}B=`, "base64"],
      [SECRET_ENCODING_BASE64, KEY.toString("base64url"), "base64"],
      [SECRET_ENCODING_BASE64URL, base64, "base64url"],
      [SECRET_ENCODING_HEX, `${KEY.toString("hex")}0`, "hex"],
      [SECRET_ENCODING_HEX, base64, "hex"],
    ] as const) {
      const { code, violations, message } = await failureOf(importSecret(secret, { encoding }));
      t.is(code, "INVALID_ARGUMENT", secret);
      t.deepEqual(
        violations.map(({ field }) => field),
        ["secret"],
      );
      t.regex(violations[0]?.description ?? "", new RegExp(`\\b${name}\\b`));
      t.false(message.includes(secret.trim()), "the secret is not repeated");
    }
    t.deepEqual(await badFields(importSecret(base64)), ["encoding"]);
  },
);

test.serial(
  "X10: more than 8 KiB, and more than its carrier holds, is TOO_LARGE before anything is parsed",
  async (t) => {
    const { service, profiles } = await unchanged();
    const { hivekit } = profiles;
    t.is(verdictOf(await hivekit.verify("x".repeat(8_193))), "TOO_LARGE");
    t.is(verdictOf(await hivekit.verify("x".repeat(8_192))), "MALFORMED");
    t.is(verdictOf(await hivekit.verify(".".repeat(8_193))), "TOO_LARGE");
    const { carriers } = await getProfile(service, "hivekit");
    for (const { in: place, name, maxBytes } of carriers.filter(({ in: place }) => place !== "header")) {
      const shown = (length: number) => {
        const pair = [{ name, value: "x".repeat(length) }];
        if (place === "frame") return hivekit.present({ frame: Buffer.from(`Bearer ${"x".repeat(length)}`) });
        return hivekit.present(
          place === "query" ? { query: pair } : place === "cookie" ? { cookies: pair } : { body: pair },
        );
      };
      t.is(verdictOf(await shown(maxBytes)), "MALFORMED", place);
      t.is(verdictOf(await shown(maxBytes + 1)), "TOO_LARGE", place);
    }
    t.true(Math.min(...carriers.map(({ maxBytes }) => maxBytes)) < 8_192, "some carriers hold less");
  },
);

test.serial(
  "X11: the kid of another profile is UNKNOWN_KEY; where a key is shared, kid, iss or the claims distinguish the profiles",
  async (t) => {
    const profiles = (await unchanged()).profiles;
    const { service, euler, reactive, hivekit, shoplive, viasocket } = profiles;
    const verdict = async (from: Known, to: Known) => verdictOf(await to.verify(await from.grant()));
    t.is(await verdict(service, euler), "UNKNOWN_KEY");
    t.is(await verdict(euler, service), "UNKNOWN_KEY");
    t.is(await verdict(hivekit, service), "UNKNOWN_KEY");
    t.is(await verdict(service, hivekit), "UNKNOWN_KEY");
    t.is(await verdict(shoplive, reactive), "ISSUER_MISMATCH");
    t.is(await verdict(reactive, shoplive), "CLAIM_MISSING");
    t.is(await verdict(shoplive, viasocket), "CLAIM_MISSING");
    t.is(await verdict(viasocket, reactive), "ISSUER_MISMATCH");
    for (const from of Object.values(profiles))
      for (const to of Object.values(profiles).filter((one) => one !== from))
        t.not(await verdict(from, to), "valid", `${from.name} shown as ${to.name}`);
  },
);

test.serial(
  "X14: when the clock steps back 2 s, no iat is below the last one, and what had expired stays expired",
  async (t) => {
    const start = 1_800_000_000_000;
    const clock = await clockFile(t);
    await clock.standAt(start);
    const known = await everyProfile(await startClocked(t, clock));
    const profiles = Object.values(known);
    const websockets = { allowedCreators: null, maxWebSockets: 1 };
    const short = await known.euler.issue({ accountId: "a", expireAfter: 1, websockets });
    const before = await Promise.all(profiles.map(({ grant }) => grant()));
    await clock.standAt(start + 1_500);
    const shown = async () => verdictOf(await known.euler.verify(short.token));
    t.is(await shown(), "EXPIRED");
    const later = await Promise.all(profiles.map(({ grant }) => grant()));
    t.deepEqual(new Set(later.map((token) => claimsOf(token).iat)), new Set([1_800_000_001]));
    await clock.standAt(start - 500);
    for (const [at, { name, grant, verify }] of profiles.entries()) {
      const token = await grant();
      t.is(claimsOf(token).iat, 1_800_000_001, name);
      t.is(verdictOf(await verify(token)), "valid", name);
      t.is(verdictOf(await verify(before[at] ?? "")), "valid", name);
    }
    t.is(await shown(), "EXPIRED");
  },
);

testWithNats("X14: when the clock steps back 2 s around a rotation, each epoch is created once", async (t) => {
  const nats = await startNats(t);
  const clock = await clockFile(t);
  const service = await startClocked(t, clock, { policy: FAST_ROTATION, env: { SIGNET_NATS_URL: nats.url } });
  const epoch = async () => (await listKeys(service, "service")).keys[0]?.epoch ?? 0n;
  await waitUntil("the first rotation", async () => (await epoch()) >= 2n);
  await clock.runAhead(-2_000);
  const atStep = await epoch();
  await waitUntil("two more rotations", async () => (await epoch()) >= atStep + 2n);
  await allForwarded(service);
  const created = rotationsOf(await readAuditStream(nats.url)).filter(({ keyset }) => keyset === "service");
  const epochs = created.map(({ keysetEpoch }) => Number(keysetEpoch)).toSorted((a, b) => a - b);
  t.deepEqual(
    epochs,
    epochs.map((_, at) => at + 1),
    "one event for each epoch, without a gap",
  );
  t.true(epochs.length >= Number(atStep) + 2);
});

function rotationsOf(messages: readonly AuditMessage[]) {
  return messages.flatMap(({ event: { event } }) =>
    event?.$case === "keyRotated" && event.value.reason !== "held" ? [event.value] : [],
  );
}

/** JSON text of an object with the value of one member replaced by other text, or with one member more. */
function withMember(json: string, name: string, value: string): string {
  const { [name]: _, ...others } = JSON.parse(json);
  return JSON.stringify(others).replace(/\}$/, `,"${name}":${value}}`);
}
