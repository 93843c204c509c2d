import { createHmac, createPublicKey, generateKeyPairSync, type KeyObject, sign, verify } from "node:crypto";
import type { PublicJwk } from "../../../src/keys/model.ts";
import type { ActiveKey, FoundKey, TokenKeys } from "../../../src/keys/token-keys.ts";
import { secretKeys } from "./secret-keys.ts";

/** A keyset with one new Ed25519 key, as issuing and verifying see it. */
export function oneKey(kid = "test-key-1", verifyUntil = Number.MAX_SAFE_INTEGER) {
  const { privateKey, publicKey } = generateKeyPairSync("ed25519");
  const distrusted: string[] = [];
  const signer: ActiveKey = {
    kid,
    alg: "EdDSA",
    publicJwk: publicKey.export({ format: "jwk" }) as PublicJwk,
    signatureBytes: 64,
    signFrom: 0,
    verifyUntil,
    sign: (input) => sign(null, input, privateKey),
    destroy: () => {},
  };
  const found = {
    state: "ok",
    key: { kid, alg: "EdDSA", verify: (input, signature) => verifies(publicKey, input, signature) },
  } satisfies FoundKey;
  const keys: TokenKeys = {
    epoch: 1,
    signer: () => (distrusted.includes(kid) ? undefined : signer),
    verifier: (asked) => (asked === kid ? found : { state: "unknown" }),
    verifiers: () => [found.key],
    otherReading: () => undefined,
    reload: () => undefined,
    distrust: (kid) => distrusted.push(kid),
  };
  return { keys, kid, privateKey, publicKey: createPublicKey(privateKey), signer, distrusted };
}

/** The keys of a profile and tenant with one imported secret, which signs. */
export function oneSecret(secret: Buffer, kid = "test-secret-1", verifyUntil = Number.MAX_SAFE_INTEGER): TokenKeys {
  const sign = (input: Buffer) => createHmac("sha256", secret).update(input).digest();
  const signer: ActiveKey = {
    kid,
    alg: "HS256",
    publicJwk: undefined,
    signatureBytes: 32,
    signFrom: 0,
    verifyUntil,
    sign,
    destroy: () => {},
  };
  return { ...secretKeys({ [kid]: secret }), signer: () => signer };
}

function verifies(key: KeyObject, input: Buffer, signature: Buffer): boolean {
  return verify(null, input, key, signature);
}
