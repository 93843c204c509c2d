import { createPrivateKey, type KeyObject } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
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

/** The private key of this id, from the data folder of a service that keeps its state in a file. */
export async function privateKeyIn(data: string, kid: string): Promise<KeyObject> {
  const { [`PKCS#8 of ${kid}`]: key } = await keySecrets(data);
  if (!Buffer.isBuffer(key)) throw new Error(`there is no private key ${kid} in ${data}`);
  return createPrivateKey({ key, format: "der", type: "pkcs8" });
}

/** All secrets in a data folder: the KEK, the derived key, private keys and imported secrets. */
export async function keySecrets(data: string, file = join(data, "kek")): Promise<Secrets> {
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
      const { d = "" } = createPrivateKey({ key: plaintext, format: "der", type: "pkcs8" }).export({ format: "jwk" });
      secrets[`seed of ${binding.kid}`] = Buffer.from(d, "base64url");
    } else secrets[`text of ${binding.kid}`] = plaintext;
  }
  return secrets;
}

/** Every sealed private key and imported secret in the file of the store, and in a replica's own copies of its entries. */
function sealedBlobs(data: string): { sealed: string; binding: Binding }[] {
  const files = [join(data, "state", "state.db"), ...filesIn(join(data, "snapshots"))].filter((file) =>
    existsSync(file),
  );
  const texts = files.map((file) => readFileSync(file, "latin1"));
  const sealed = texts.flatMap((text) => text.match(/eyJ[\w-]+\.\.[\w-]+\.[\w-]+\.[\w-]+/g) ?? []);
  return [...new Set(sealed)].map((blob) => {
    const header = decodeProtectedHeader(blob) as unknown as Record<string, string>;
    const { keyset, profile = "", tenant = "", sealedKid: kid = "", sealedAlg: alg = "" } = header;
    return { sealed: blob, binding: keyset === undefined ? { profile, tenant, kid, alg } : { keyset, kid, alg } };
  });
}

/** Every file below the data folder except the key-encryption key. */
export function dataFiles(data: string): Places {
  const paths = filesIn(data).filter((path) => path !== join(data, "kek"));
  return Object.fromEntries(paths.map((path) => [path, readFileSync(path)]));
}

/** The paths of all files below a folder; none if there is no such folder. */
export function filesIn(folder: string): string[] {
  if (!existsSync(folder)) return [];
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return files.map(({ parentPath, name }) => join(parentPath, name));
}
