import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { decodeProtectedHeader } from "jose";
import { deriveKey } from "../../../src/jose/kek.ts";
import { loadKek } from "../../../src/jose/kek-source.ts";
import { type Binding, unseal } from "../../../src/jose/seal.ts";

/** Values that must not leak, by a name that may be printed. */
export type Secrets = Readonly<Record<string, string | Buffer>>;

/** The contents to search, by name. */
export type Places = Readonly<Record<string, string | Buffer>>;

/** `secret in place` for each leak: verbatim, in hex, in base64 or in base64url. */
export function leaks(secrets: Secrets, places: Places): string[] {
  return Object.entries(secrets).flatMap(([secret, value]) => {
    const bytes = Buffer.from(value);
    if (bytes.length < 8) throw new Error(`${secret} is too short: it could occur by chance`);
    const forms = [
      bytes,
      ...[bytes.toString("hex"), bytes.toString("base64"), bytes.toString("base64url")].map((text) =>
        Buffer.from(text.replace(/=+$/, "")),
      ),
    ];
    return Object.entries(places)
      .filter(([, content]) => forms.some((form) => Buffer.from(content).includes(form)))
      .map(([place]) => `${secret} in ${place}`);
  });
}

/** All secrets of a stopped service: its KEK as text and bytes, the derived key, private keys and imported secrets. */
export async function keySecrets(data: string): Promise<Secrets> {
  const file = join(data, "kek");
  const text = readFileSync(file, "utf8").trim();
  const kek = await loadKek(file);
  const secrets: Record<string, Buffer | string> = {
    kek: Buffer.from(text, "base64url"),
    sealing: deriveKey(kek, "seal").export(),
  };
  for (const { sealed, binding } of sealedBlobs(data)) {
    const plaintext = unseal(sealed, binding, [kek]);
    if ("keyset" in binding) {
      secrets[`PKCS#8 of ${binding.kid}`] = plaintext;
      // RFC 8410: the seed is the last 32 bytes.
      secrets[`seed of ${binding.kid}`] = plaintext.subarray(-32);
    } else secrets[`text of ${binding.kid}`] = plaintext;
  }
  return secrets;
}

/** Every sealed private key and imported secret in the file of the store. */
function sealedBlobs(data: string): { sealed: string; binding: Binding }[] {
  const text = readFileSync(join(data, "state", "state.db"), "latin1");
  const blobs = [...text.matchAll(/eyJ[\w-]+\.\.[\w-]+\.[\w-]+\.[\w-]+/g)].map(([sealed]) => {
    const header = decodeProtectedHeader(sealed) as unknown as Record<string, string>;
    const { keyset, profile = "", tenant = "", sealedKid: kid = "", sealedAlg: alg = "" } = header;
    return { sealed, binding: keyset === undefined ? { profile, tenant, kid, alg } : { keyset, kid, alg } };
  });
  return blobs;
}

/** Every file below the data folder except the key-encryption key. */
export function dataFiles(data: string): Places {
  const files = readdirSync(data, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const paths = files
    .map(({ parentPath, name }) => join(parentPath, name))
    .filter((path) => path !== join(data, "kek"));
  return Object.fromEntries(paths.map((path) => [path, readFileSync(path)]));
}
