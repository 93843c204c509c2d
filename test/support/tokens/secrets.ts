import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { decodeProtectedHeader } from "jose";
import { deriveKey } from "../../../src/jose/kek.ts";
import { loadKek } from "../../../src/jose/kek-source.ts";
import { type Binding, unseal } from "../../../src/jose/seal.ts";

/** What must not be seen, under a name that may be. */
export type Secrets = Readonly<Record<string, string | Buffer>>;

/** Where it must not be seen. */
export type Places = Readonly<Record<string, string | Buffer>>;

/** `secret in place` for each that is there: as it is, in hex, in base64 or base64url, or as JSON escapes it. */
export function leaks(secrets: Secrets, places: Places): string[] {
  return Object.entries(secrets).flatMap(([secret, value]) => {
    const bytes = Buffer.from(value);
    if (bytes.length < 8) throw new Error(`${secret} is too short to be told from chance`);
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

/** The key-encryption key's text and bytes, what is derived from it, every private half and imported secret, of a stopped service. */
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

/** Every sealed private half and secret that the store's file holds. */
function sealedBlobs(data: string): { sealed: string; binding: Binding }[] {
  const text = readFileSync(join(data, "state", "state.db"), "latin1");
  const blobs = [...text.matchAll(/eyJ[\w-]+\.\.[\w-]+\.[\w-]+\.[\w-]+/g)].map(([sealed]) => {
    const header = decodeProtectedHeader(sealed) as unknown as Record<string, string>;
    const { keyset, profile = "", tenant = "", sealedKid: kid = "", sealedAlg: alg = "" } = header;
    return { sealed, binding: keyset === undefined ? { profile, tenant, kid, alg } : { keyset, kid, alg } };
  });
  return blobs;
}

/** Every file below the data folder but the key-encryption key itself. */
export function dataFiles(data: string): Places {
  const files = readdirSync(data, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const paths = files
    .map(({ parentPath, name }) => join(parentPath, name))
    .filter((path) => path !== join(data, "kek"));
  return Object.fromEntries(paths.map((path) => [path, readFileSync(path)]));
}
