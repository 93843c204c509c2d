import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { decodeProtectedHeader } from "jose";
import { deriveKey } from "../../src/jose/kek.ts";
import { loadKek } from "../../src/jose/kek-file.ts";
import { unseal } from "../../src/jose/seal.ts";

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

/** The key-encryption key's text and bytes, what is derived from it, and every private half, of a stopped service. */
export async function keySecrets(data: string): Promise<Secrets> {
  const file = join(data, "kek");
  const text = readFileSync(file, "utf8").trim();
  const kek = await loadKek(file);
  const secrets: Record<string, Buffer | string> = {
    kek: Buffer.from(text, "base64url"),
    sealing: deriveKey(kek, "seal").export(),
  };
  for (const [kid, { sealed, keyset, alg }] of sealedKeys(data)) {
    const pkcs8 = Buffer.from(await unseal(sealed, { keyset, kid, alg }, [kek]));
    secrets[`PKCS#8 of ${kid}`] = pkcs8;
    // RFC 8410: the seed is the last 32 bytes.
    secrets[`seed of ${kid}`] = pkcs8.subarray(-32);
  }
  return secrets;
}

/** Every sealed private half that the store's file holds, by kid. */
function sealedKeys(data: string): Map<string, { sealed: string; keyset: string; alg: string }> {
  const text = readFileSync(join(data, "state", "state.db"), "latin1");
  const found = new Map<string, { sealed: string; keyset: string; alg: string }>();
  for (const [sealed] of text.matchAll(/eyJ[\w-]+\.\.[\w-]+\.[\w-]+\.[\w-]+/g)) {
    const header = decodeProtectedHeader(sealed) as unknown as { keyset: string; sealedKid: string; sealedAlg: string };
    found.set(header.sealedKid, { sealed, keyset: header.keyset, alg: header.sealedAlg });
  }
  return found;
}

/** Every file below the data folder but the key-encryption key itself. */
export function dataFiles(data: string): Places {
  const files = readdirSync(data, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const paths = files
    .map(({ parentPath, name }) => join(parentPath, name))
    .filter((path) => path !== join(data, "kek"));
  return Object.fromEntries(paths.map((path) => [path, readFileSync(path)]));
}
