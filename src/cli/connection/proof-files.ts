import { createSecureContext, type SecureContext } from "node:tls";
import { FileError } from "../../files/file-error.ts";
import { readPublicFile, readSecretFile } from "../../files/private-path.ts";
import { readCertificates } from "../../x509/certificate-files.ts";
import { usageError } from "../failure.ts";
import { optionName, type Target } from "./target.ts";

/** One line, with or without its end: a line break in a header would begin another header. */
const TOKEN = /^([\x21-\x7e]{1,16384})\r?\n?$/;

type ProofFile = "ca" | "cert" | "key" | "tokenFile";

/**
 * Reads the certificates and the key, and makes the context of the handshake: TLS 1.3 alone, which every Signet speaks.
 * Without `ca` the server is proven by the CAs of the system.
 *
 * @throws Failure with the faults of all files together. None repeats what is in a file.
 */
export async function readTlsFiles(target: Target): Promise<SecureContext> {
  const faults: string[] = [];
  const read = (file: ProofFile) => readProof(file, target[file], faults);
  const [ca, cert, key] = await Promise.all([read("ca"), read("cert"), read("key")]);
  const name = (file: ProofFile) => `${optionName(file)}: ${target[file]}`;
  const certificates = readCertificates({ ca, cert, key }, { ca: name("ca"), cert: name("cert"), key: name("key") });
  faults.push(...certificates.faults);
  if (faults.length > 0) throw usageError(faults.join("; "));
  return createSecureContext({ minVersion: "TLSv1.3", ...certificates.pem });
}

/**
 * Reads the token that proves the caller.
 *
 * @throws Failure that does not repeat the token
 */
export async function readTokenFile(path: string): Promise<string> {
  const faults: string[] = [];
  const content = await readProof("tokenFile", path, faults);
  const token = TOKEN.exec(content?.toString("utf8") ?? "")?.[1];
  if (content !== undefined && token === undefined)
    faults.push(`${optionName("tokenFile")}: ${path} must hold one token: one line of printable ASCII without spaces`);
  if (token === undefined) throw usageError(faults.join("; "));
  return token;
}

/** Nobody else may change a file, and read a key. A token may have readers: Kubernetes shows it to all of a pod. */
async function readProof(file: ProofFile, path: string | undefined, faults: string[]): Promise<Buffer | undefined> {
  if (path === undefined) return undefined;
  try {
    return await (file === "key" ? readSecretFile(path) : readPublicFile(path));
  } catch (error) {
    if (!(error instanceof FileError)) throw error;
    faults.push(`${optionName(file)}: ${error.message}`);
    return undefined;
  }
}
