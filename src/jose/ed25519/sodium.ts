import type * as Sodium from "sodium-native";
import { ED25519_BYTES } from "../schemes.ts";
import type { Ed25519 } from "./ed25519.ts";
import { createKeySlots } from "./key-slots.ts";
import { isSafeSignature } from "./points.ts";

const PUBLIC_KEY_BYTES = 32;
/** libsodium keeps the public key behind the 32 bytes of the private one. */
const SECRET_KEY_BYTES = 64;

/** Ed25519 by libsodium: half of the time that OpenSSL takes. Private keys are in memory of its own kind alone. */
export function sodiumEd25519(sodium: typeof Sodium): Ed25519 {
  const slots = createKeySlots(sodium, SECRET_KEY_BYTES);
  return {
    library: "libsodium",
    signer(seed) {
      const publicKey = Buffer.alloc(PUBLIC_KEY_BYTES);
      let secretKey: Buffer | undefined = slots.take((slot) => sodium.crypto_sign_seed_keypair(publicKey, slot, seed));
      return {
        publicKey,
        sign(data) {
          // Its place may have another key by now.
          if (secretKey === undefined) throw new Error("the private key was destroyed");
          const signature = Buffer.allocUnsafe(ED25519_BYTES);
          sodium.crypto_sign_detached(signature, data, secretKey);
          return signature;
        },
        destroy() {
          if (secretKey === undefined) return;
          const slot = secretKey;
          secretKey = undefined;
          slots.drop(slot);
        },
      };
    },
    verifier: (publicKey) => (data, signature) =>
      isSafeSignature(signature) && sodium.crypto_sign_verify_detached(signature, data, publicKey),
  };
}
