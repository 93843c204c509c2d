import { createHmac } from "node:crypto";
import type { TokenKeys } from "../../../src/keys/token-keys.ts";
import type { VerifyingKey } from "../../../src/keys/vault.ts";

/** Imported secrets by kid, newest first, as the verifier sees them. They never sign. */
export function secretKeys(secrets: Readonly<Record<string, Buffer>>): TokenKeys {
  const verifiers = Object.entries(secrets).map(([kid, secret]): VerifyingKey => {
    const mac = (data: Buffer) => createHmac("sha256", secret).update(data).digest();
    return { kid, alg: "HS256", verify: (data, signature) => mac(data).equals(signature) };
  });
  return {
    epoch: 1,
    signer: () => undefined,
    verifier(kid) {
      const key = verifiers.find((one) => one.kid === kid);
      return key === undefined ? { state: "unknown" } : { state: "ok", key };
    },
    verifiers: () => verifiers,
    reload: () => undefined,
    distrust: () => {},
    otherReading: () => undefined,
  };
}
