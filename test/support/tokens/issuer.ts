import { constants, createHmac, generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import type { IssuerAlgorithm } from "../../../src/keys/model.ts";
import { recordSecret } from "../leaks/record.ts";

/** An issuer of tokens for tests, with one key at a time, which signs whatever it is given. */
export interface TestIssuer {
  /** The JWKS with the public keys of all its keys, the newest last, each with these changes. */
  jwks(changes?: Readonly<Record<string, unknown>>): string;
  /** A token under the newest key. A string stands for JSON that no library writes. */
  sign(claims: object | string, header?: object | string): string;
  /** Makes a key with this kid, which signs from now on. */
  rotate(kid: string): void;
  /** A token whose HMAC key is the public key in PEM, as an attacker would try. */
  confuse(claims: object): string;
}

export const TEST_ISSUER = "https://issuer.test";

export function testIssuer(alg: IssuerAlgorithm = "ES256", kid = "k1"): TestIssuer {
  const keys: { kid: string; privateKey: KeyObject; publicKey: KeyObject }[] = [];

  function rotate(name: string): void {
    keys.push({ kid: name, ...makeKey(alg) });
  }

  function newest(): (typeof keys)[number] {
    const key = keys.at(-1);
    if (key === undefined) throw new Error("the issuer has no key");
    return key;
  }

  rotate(kid);
  return {
    rotate,
    jwks: (changes = {}) =>
      JSON.stringify({
        keys: keys.map((key) => ({ ...key.publicKey.export({ format: "jwk" }), kid: key.kid, ...changes })),
      }),
    sign(claims, header = {}) {
      const key = newest();
      const whole = typeof header === "string" ? header : { alg, kid: key.kid, ...header };
      const input = [whole, claims].map(encode).join(".");
      const signed = signature(alg, input, key.privateKey);
      recordSecret("credential", signed);
      return `${input}.${signed.toString("base64url")}`;
    },
    confuse(claims) {
      const key = newest();
      const input = [{ alg: "HS256", kid: key.kid }, claims].map(encode).join(".");
      const secret = key.publicKey.export({ format: "pem", type: "spki" });
      return `${input}.${createHmac("sha256", secret).update(input).digest("base64url")}`;
    },
  };
}

function encode(part: object | string): string {
  return Buffer.from(typeof part === "string" ? part : JSON.stringify(part)).toString("base64url");
}

const CURVES: Readonly<Record<string, string>> = { ES256: "P-256", ES384: "P-384", ES512: "P-521" };

function makeKey(alg: IssuerAlgorithm): { privateKey: KeyObject; publicKey: KeyObject } {
  if (alg === "EdDSA") return generateKeyPairSync("ed25519");
  const namedCurve = CURVES[alg];
  return namedCurve === undefined
    ? generateKeyPairSync("rsa", { modulusLength: 2048 })
    : generateKeyPairSync("ec", { namedCurve });
}

function signature(alg: IssuerAlgorithm, input: string, key: KeyObject): Buffer {
  const data = Buffer.from(input);
  const digest = alg === "EdDSA" ? null : `sha${alg.slice(2)}`;
  if (alg.startsWith("PS"))
    return sign(digest, data, {
      key,
      padding: constants.RSA_PKCS1_PSS_PADDING,
      saltLength: constants.RSA_PSS_SALTLEN_DIGEST,
    });
  return sign(digest, data, { key, dsaEncoding: "ieee-p1363" });
}
