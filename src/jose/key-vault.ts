import { createHmac, createPublicKey, type KeyObject } from "node:crypto";
import { isDeepStrictEqual } from "node:util";
import { calculateJwkThumbprint } from "jose";
import { KeyringError } from "../keys/error.ts";
import type { KeysetAlgorithm, PublicJwk } from "../keys/model.ts";
import type { RecordKeys } from "../keys/store/authenticated-record.ts";
import type { KeyMaker, OnSigned } from "../keys/vault.ts";
import { OPENSSL } from "./ed25519/ed25519.ts";
import { deriveKey, type Kek, type Keks } from "./kek.ts";
import { openKey, verifierOf } from "./opened-key.ts";
import { publicJwkOf } from "./pkcs8.ts";
import { SCHEMES } from "./schemes.ts";
import { reseal, seal, unseal } from "./seal.ts";

/**
 * Makes key pairs. Their private keys leave this process only sealed, under the first KEK. `onSigned` gets the kid of
 * each signature. `ed25519` signs and verifies.
 */
export function createKeyVault(keks: Keks, onSigned: OnSigned = () => {}, ed25519 = OPENSSL): KeyMaker {
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
      const { publicJwk: own, ...opened } = openKey(unseal(sealed, { keyset, kid, alg }, keks), alg, where, ed25519);
      if (!isDeepStrictEqual(own, publicJwk)) {
        opened.destroy();
        throw new KeyringError("KEY_MISMATCH", `${where}: its private key does not belong to the published public key`);
      }
      return {
        ...{ kid, alg, ...opened },
        sign(data) {
          const signature = opened.sign(data);
          onSigned(kid);
          return signature;
        },
      };
    },
    reseal: (keyset, { kid, alg, sealed }) => reseal(sealed, { keyset, kid, alg }, keks),
    verifying({ kid, alg, publicJwk }) {
      return { kid, alg, verify: verifierOf(importPublic(kid, alg, publicJwk), alg, ed25519) };
    },
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
