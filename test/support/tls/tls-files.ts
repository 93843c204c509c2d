import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { tempFolder } from "../files/temp.ts";
import type { Ending } from "../service/shared.ts";
import { type Authority, createAuthority, type Issued, serverCertificate, writeIssued } from "./certificates.ts";

/** The files of a listener with TLS, and the CA of its clients. */
export interface TlsFiles {
  readonly authority: Authority;
  readonly cert: string;
  readonly key: string;
  readonly clientCa: string;
}

/** Writes a server's certificate and the CA that issued it into a new folder. */
export async function tlsFiles(t: Ending): Promise<TlsFiles> {
  const folder = await tempFolder(t);
  const authority = await createAuthority();
  const paths = await writeIssued(folder, "server", await serverCertificate(authority));
  const clientCa = join(folder, "client-ca.crt");
  await writeFile(clientCa, authority.cert);
  return { authority, ...paths, clientCa };
}

/** Replaces a certificate and its key, one after the other in the given order. */
export async function replace(
  { cert, key }: Issued,
  next: Issued,
  order: readonly ("cert" | "key")[] = ["cert", "key"],
): Promise<void> {
  for (const name of order) await writeFile({ cert, key }[name], next[name]);
}
