import type * as Sodium from "sodium-native";
import { ED25519_BYTES } from "../schemes.ts";
import type { Ed25519 } from "./ed25519.ts";
import { isSafeSignature } from "./points.ts";

const PUBLIC_KEY_BYTES = 32;
/** libsodium keeps the public key behind the 32 bytes of the private one. */
const SECRET_KEY_BYTES = 64;

/** Ed25519 by libsodium: half of the time that OpenSSL takes. Private keys are in memory of its own kind alone. */
export function sodiumEd25519(sodium: typeof Sodium): Ed25519 {
  return {
    library: "libsodium",
    signer(seed) {
      const publicKey = Buffer.alloc(PUBLIC_KEY_BYTES);
      const secretKey = sodium.sodium_malloc(SECRET_KEY_BYTES);
      sodium.crypto_sign_seed_keypair(publicKey, secretKey, seed);
      // A signature with a key one half of which was overwritten would give the other half away.
      sodium.sodium_mprotect_readonly(secretKey);
      return {
        publicKey,
        sign(data) {
          const signature = Buffer.allocUnsafe(ED25519_BYTES);
          sodium.crypto_sign_detached(signature, data, secretKey);
          return signature;
        },
        destroy() {
          if (secretKey.length === 0) return;
          sodium.sodium_mprotect_readwrite(secretKey);
          // Freeing overwrites it too, but only when the collector comes.
          sodium.sodium_memzero(secretKey);
          // Detaches the buffer, so that its length is 0 and libsodium refuses it.
          sodium.sodium_free(secretKey);
        },
      };
    },
    verifier: (publicKey) => (data, signature) =>
      isSafeSignature(signature) && sodium.crypto_sign_verify_detached(signature, data, publicKey),
  };
}
