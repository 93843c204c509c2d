import { createHmac, createPublicKey, type KeyObject } from "node:crypto";
import { isDeepStrictEqual } from "node:util";
import { calculateJwkThumbprint } from "jose";
import { KeyringError } from "../keys/error.ts";
import type { KeysetAlgorithm, PublicJwk } from "../keys/model.ts";
import type { KeyRecord } from "../keys/rotating/record.ts";
import type { RecordKeys } from "../keys/store/authenticated-record.ts";
import type { KeyMaker, VerifyingKey } from "../keys/vault.ts";
import { deriveKey, type Kek, type Keks } from "./kek.ts";
import { consumePkcs8, publicJwkOf } from "./pkcs8.ts";
import { SCHEMES } from "./schemes.ts";
import { reseal, seal, unseal } from "./seal.ts";

/** Makes key pairs. Their private keys leave this process only sealed, under the first KEK. */
export function createKeyVault(keks: Keks): KeyMaker {
  return {
    async make(keyset, alg) {
      const { privateKey, publicKey } = await SCHEMES[alg].generate();
      const publicJwk = publicJwkOf(publicKey, alg, `the new key of keyset ${keyset}`);
      const kid = (await calculateJwkThumbprint({ ...publicJwk })).slice(0, 16);
      const plaintext = privateKey.export({ format: "der", type: "pkcs8" });
      const sealed = await seal(plaintext, { keyset, kid, alg }, keks);
      plaintext.fill(0);
      return { kid, publicJwk, sealed };
    },
    async open(keyset, { kid, alg, sealed, publicJwk }) {
      const where = `key ${kid} of keyset ${keyset}`;
      if (sealed === undefined) throw new KeyringError("DAMAGED_KEY", `${where} has no private key`);
      const pkcs8 = unseal(sealed, { keyset, kid, alg }, keks);
      const { privateKey, publicKey, publicJwk: own } = consumePkcs8(pkcs8, alg, where);
      if (!isDeepStrictEqual(own, publicJwk)) {
        throw new KeyringError("KEY_MISMATCH", `${where}: its private key does not belong to the published public key`);
      }
      const { sign, signatureBytes } = SCHEMES[alg];
      return { kid, alg, signatureBytes: signatureBytes(publicKey), sign: (data) => sign(data, privateKey) };
    },
    reseal: (keyset, { kid, alg, sealed }) => reseal(sealed, { keyset, kid, alg }, keks),
    verifying: verifyingKey,
  };
}

/** The keys that authenticate epoch records, one for each KEK. */
export function recordKeysOf([current, ...previous]: Keks): RecordKeys {
  return [recordKey(current), ...previous.map(recordKey)];
}

function recordKey(kek: Kek): RecordKeys[number] {
  const key = deriveKey(kek, "record mac");
  return { kek: kek.id, mac: (body) => createHmac("sha256", key).update(body).digest("base64url") };
}

function verifyingKey({ kid, alg, publicJwk }: Pick<KeyRecord, "kid" | "alg" | "publicJwk">): VerifyingKey {
  const publicKey = importPublic(kid, alg, publicJwk);
  const { verify } = SCHEMES[alg];
  return { kid, alg, verify: (data, signature) => verify(data, publicKey, signature) };
}

function importPublic(kid: string, alg: KeysetAlgorithm, publicJwk: PublicJwk): KeyObject {
  let publicKey: KeyObject;
  try {
    publicKey = createPublicKey({ key: { ...publicJwk }, format: "jwk" });
  } catch (cause) {
    throw new KeyringError("KEY_MISMATCH", `key ${kid}: its public key is not a key for ${alg}`, { cause });
  }
  publicJwkOf(publicKey, alg, `key ${kid}`);
  return publicKey;
}
