import { getFips, randomBytes } from "node:crypto";
import type * as Sodium from "sodium-native";
import { type Ed25519, OPENSSL } from "./ed25519.ts";
import { sodiumEd25519 } from "./sodium.ts";
import { requireWholeAddon } from "./whole-addon.ts";

/** Why OpenSSL signs and verifies. NOT_LOADED: sodium-native is broken, or made for another machine. */
export type WhyOpenssl = "CONFIGURED" | "FIPS" | "NOT_INSTALLED" | "NOT_LOADED" | "WRONG_ANSWERS";

export interface ChosenEd25519 {
  readonly ed25519: Ed25519;
  /** Undefined: libsodium was chosen. */
  readonly why?: WhyOpenssl;
  readonly error?: unknown;
}

/** How sodium-native is loaded: rejects where it is absent or can't be. */
export type LoadSodium = () => Promise<typeof Sodium>;

export const loadSodium: LoadSodium = async () => {
  await requireWholeAddon(import.meta.resolve("sodium-native"));
  return import("sodium-native");
};

/**
 * libsodium where it is installed and gives the answers of OpenSSL; otherwise OpenSSL. "auto" leaves it to what is
 * there. In FIPS mode nothing may be computed outside of the validated module.
 */
export async function chooseEd25519(setting: "auto" | "openssl", load = loadSodium): Promise<ChosenEd25519> {
  if (setting === "openssl") return { ed25519: OPENSSL, why: "CONFIGURED" };
  if (getFips() === 1) return { ed25519: OPENSSL, why: "FIPS" };
  try {
    const ed25519 = sodiumEd25519(await load());
    return isSound(ed25519) ? { ed25519 } : { ed25519: OPENSSL, why: "WRONG_ANSWERS" };
  } catch (error) {
    const isAbsent = error instanceof Error && "code" in error && error.code === "ERR_MODULE_NOT_FOUND";
    return isAbsent ? { ed25519: OPENSSL, why: "NOT_INSTALLED" } : { ed25519: OPENSSL, why: "NOT_LOADED", error };
  }
}

/** Whether a fresh key has the public key and the signature that OpenSSL makes, and verifies it, for no other text. */
function isSound({ signer, verifier }: Ed25519): boolean {
  const [seed, data] = [randomBytes(32), randomBytes(100)];
  const [own, theirs] = [signer(seed), OPENSSL.signer(seed)];
  seed.fill(0);
  const signature = own.sign(data);
  const same = own.publicKey.equals(theirs.publicKey) && signature.equals(theirs.sign(data));
  own.destroy();
  const verify = verifier(own.publicKey);
  return same && verify(data, signature) && !verify(randomBytes(100), signature);
}
