import { createPublicKey, generateKeyPairSync, type KeyObject, sign, verify } from "node:crypto";
import type { KeyLookup, SigningKey, TokenKeys } from "../../src/token/keys.ts";

/** A keyset of one Ed25519 key, made here: what issuing and verifying see of a keyring. */
export function oneKey(kid = "test-key-1", verifyUntil = Number.MAX_SAFE_INTEGER) {
  const { privateKey, publicKey } = generateKeyPairSync("ed25519");
  const distrusted: string[] = [];
  const signer: SigningKey = { kid, alg: "EdDSA", verifyUntil, sign: (input) => sign(null, input, privateKey) };
  const found: KeyLookup = {
    state: "ok",
    key: { kid, alg: "EdDSA", verify: (input, signature) => verifies(publicKey, input, signature) },
  };
  const keys: TokenKeys = {
    epoch: 1,
    signer: () => (distrusted.includes(kid) ? undefined : signer),
    verifier: (asked) => (asked === kid ? found : { state: "unknown" }),
    reload: () => undefined,
    distrust: (kid) => distrusted.push(kid),
  };
  return { keys, kid, privateKey, publicKey: createPublicKey(privateKey), signer, distrusted };
}

function verifies(key: KeyObject, input: Buffer, signature: Buffer): boolean {
  return verify(null, input, key, signature);
}
