import { SECRET_FORMS, secretBytes } from "../keys/imported/secret.ts";
import { weakness, weaknessOfPrivateKey } from "../keys/imported/weak-secret.ts";
import {
  type Algorithm,
  isMac,
  type KeysetAlgorithm,
  type MacAlgorithm,
  type PublicJwk,
  type SecretEncoding,
} from "../keys/model.ts";
import type { SecretVault } from "../keys/vault.ts";
import { REQUIRED } from "../problem/field-rules.ts";
import { readVendorKey } from "./private-key-text.ts";

/** The key of an import as it is sent. */
interface KeyText {
  readonly secret: string;
  readonly encoding: SecretEncoding | undefined;
}

/** A key as it is stored. */
export interface KeyMaterial {
  readonly text: string;
  readonly encoding: SecretEncoding;
  readonly byteLength: number;
  readonly fingerprint: string;
  /** Undefined: the key is symmetric. */
  readonly publicJwk: PublicJwk | undefined;
  /** As the end of a sentence that begins with "it"; undefined: it is not weak. */
  readonly weakness: string | undefined;
  /** The kid of a JWK. */
  readonly ownKid?: string | undefined;
}

/** Takes what is wrong with a field; undefined: nothing is. */
export type Report = (field: string, description: string | undefined) => void;

/** In UTF-8. An epoch with eight secrets of this size still fits one entry of the store. */
const MAX_SECRET_BYTES = 4096;

/** Reads the key of an import, and reports what is wrong with it. `alg` undefined: the request names none. */
export function readKeyMaterial(
  { secret, encoding }: KeyText,
  alg: Algorithm | undefined,
  vault: SecretVault,
  report: Report,
): KeyMaterial | undefined {
  const fault = sizeFault(secret);
  report("secret", fault);
  if (alg !== undefined) report("encoding", encodingFault(encoding, alg));
  if (alg === undefined || fault !== undefined) return undefined;
  const read = isMac(alg) ? readSecret(secret, encoding, alg, vault) : readPrivateKey(secret, alg, vault);
  if (typeof read !== "string") return read;
  report("secret", read);
  return undefined;
}

function sizeFault(secret: string): string | undefined {
  if (secret === "") return REQUIRED;
  return Buffer.byteLength(secret) > MAX_SECRET_BYTES
    ? `must have at most ${MAX_SECRET_BYTES} bytes of UTF-8`
    : undefined;
}

function encodingFault(encoding: SecretEncoding | undefined, alg: Algorithm): string | undefined {
  if (isMac(alg)) return encoding === undefined ? "is required: UTF8, BASE64, BASE64URL or HEX" : undefined;
  return encoding === undefined ? undefined : `must not be set: a key for ${alg} is a private key, in PEM or as a JWK`;
}

/** Undefined without an encoding. */
function readSecret(
  text: string,
  encoding: SecretEncoding | undefined,
  alg: MacAlgorithm,
  vault: SecretVault,
): KeyMaterial | string | undefined {
  if (encoding === undefined) return undefined;
  const bytes = secretBytes(text, encoding);
  if (bytes === undefined) return `must be ${SECRET_FORMS[encoding]}`;
  const material = {
    ...{ text, encoding, byteLength: bytes.length, fingerprint: vault.fingerprint(alg, bytes) },
    ...{ publicJwk: undefined, weakness: weakness(text, bytes, alg) },
  };
  bytes.fill(0);
  return material;
}

function readPrivateKey(secret: string, alg: KeysetAlgorithm, vault: SecretVault): KeyMaterial | string {
  const text = readVendorKey(secret, alg);
  if (typeof text === "string") return text;
  const key = vault.readPrivateKey(text, alg);
  if (typeof key === "string") return key;
  const { pkcs8, byteLength, publicJwk } = key;
  const fingerprint = vault.fingerprint(alg, pkcs8);
  const material = {
    ...{ text: pkcs8.toString("base64"), encoding: "base64" as const, byteLength, fingerprint },
    ...{ publicJwk, weakness: weaknessOfPrivateKey(fingerprint), ownKid: text.kid },
  };
  pkcs8.fill(0);
  return material;
}
