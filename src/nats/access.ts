import type { Socket } from "node:net";
import { checkServerIdentity, type PeerCertificate } from "node:tls";
import {
  type Authenticator,
  type ConnectionOptions,
  credsAuthenticator,
  nkeyAuthenticator,
  usernamePasswordAuthenticator,
} from "nats";
import { FileError } from "../files/file-error.ts";
import { type FileContents, type FileSet, readFileSet } from "../files/watched-files.ts";
import { StartError } from "../start-error.ts";
import { type CertificateFiles, chainFaults, firstToExpire, readCertificates } from "../x509/certificate-files.ts";

/**
 * The files of a connection to NATS. `ca` proves the servers, `cert` and `key` prove this client, and so does one of
 * `creds` (a user's JWT and its seed), `nkey` (a seed), or `user` with `password`.
 */
export type NatsFile = "ca" | "cert" | "key" | "creds" | "nkey" | "user" | "password";

/** How NATS is reached. Plain data, because it is passed to other threads; the secrets stay in their files. */
export interface NatsAccess {
  /** `nats://host:port` or `tls://host:port`, at least one. Any of them is used, and another one when it fails. */
  readonly servers: readonly string[];
  /** Whether a server without TLS is refused. Without a `ca`, the CAs of the system prove the servers. */
  readonly tls: boolean;
  readonly files: FileSet<NatsFile>;
}

export type NatsFiles = FileContents<NatsFile>;

/** The times between which a certificate counts, in RFC 3339 format. */
export interface CertificateValidity {
  readonly notBefore: string;
  readonly expires: string;
}

/** How the faults of a file call it, before its path. */
const CALLED: Readonly<Record<NatsFile, string>> = {
  ca: "the CA of NATS",
  cert: "the certificate for NATS",
  key: "the private key for NATS",
  creds: "the credentials for NATS",
  nkey: "the nkey for NATS",
  user: "the user for NATS",
  password: "the password for NATS",
};

/** A first challenge, to see whether a seed signs. */
const NONCE = "nonce";

/**
 * Reads the files of the access, and checks them.
 *
 * @throws StartError NATS_FILES with every fault. None repeats what is in a file.
 */
export async function readNatsFiles(access: NatsAccess): Promise<NatsFiles> {
  const files = await readFileSet(access.files).catch((cause) => {
    if (!(cause instanceof FileError)) throw cause;
    throw new StartError("NATS_FILES", cause.message, { cause });
  });
  connectionOptions(access, files);
  return files;
}

/**
 * What the library connects with: the one place that turns the configuration into its options.
 *
 * @throws StartError NATS_FILES with every fault of the files. None repeats what is in a file.
 */
export function connectionOptions(access: NatsAccess, files: NatsFiles): ConnectionOptions {
  const certificates = certificatesIn(access, files);
  const faults = [...certificates.faults];
  const authenticator = authenticatorOf(access, files, faults);
  if (faults.length > 0) throw new StartError("NATS_FILES", faults.join("; "));
  return {
    servers: [...access.servers],
    ...(access.tls ? { tls: tlsOptions(certificates.pem) } : {}),
    ...(authenticator === undefined ? {} : { authenticator }),
  };
}

/** Why the server will refuse the files at `now` (Unix milliseconds), one text for each. Empty: it may take them. */
export function expiredFiles(access: NatsAccess, files: NatsFiles, now: number): string[] {
  const creds = files.creds && jwtFault(files.creds, now);
  return [
    ...chainFaults(certificatesIn(access, files), nameOf(access, "cert"), now),
    ...(creds === undefined ? [] : [`${nameOf(access, "creds")} ${creds}`]),
  ];
}

/** The validity of this client's certificate, or of an intermediate one that expires first; undefined without one. */
export function certificateValidity(access: NatsAccess, files: NatsFiles): CertificateValidity | undefined {
  const { own, intermediates } = certificatesIn(access, files);
  if (own === undefined) return undefined;
  const { notBefore, expires } = firstToExpire(own, ...intermediates);
  return { notBefore: new Date(notBefore).toISOString(), expires: new Date(expires).toISOString() };
}

function certificatesIn(access: NatsAccess, files: NatsFiles) {
  const names = { ca: nameOf(access, "ca"), cert: nameOf(access, "cert"), key: nameOf(access, "key") };
  return readCertificates(files, names);
}

function nameOf({ files }: NatsAccess, file: NatsFile): string {
  return `${CALLED[file]} (${files[file]?.path})`;
}

/** TLS 1.3 alone: every NATS server that Signet supports speaks it, and it has AEAD suites only. */
function tlsOptions(pem: CertificateFiles): NonNullable<ConnectionOptions["tls"]> {
  // The library passes whatever it finds here to Node's `tls.connect`, but its types name a few options only.
  const options = { minVersion: "TLSv1.3", checkServerIdentity: requireOwnName, ...textsOf(pem) };
  return options;
}

function textsOf({ ca, cert, key }: CertificateFiles): {
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
} {
  return {
    ...(ca && { ca: ca.toString() }),
    ...(cert && { cert: cert.toString() }),
    ...(key && { key: key.toString() }),
  };
}

/**
 * A certificate must be for the name or the address that was dialled. Node takes `localhost` for the name of a server
 * that was dialled by its address over a socket of the library.
 */
function requireOwnName(
  this: { readonly servername?: string; readonly socket?: Socket },
  _name: string,
  certificate: PeerCertificate,
): Error | undefined {
  const dialled = this.servername || this.socket?.remoteAddress;
  return dialled === undefined
    ? new Error("the address of the server is unknown")
    : checkServerIdentity(dialled, certificate);
}

function authenticatorOf(access: NatsAccess, files: NatsFiles, faults: string[]): Authenticator | undefined {
  const { creds, nkey, user, password } = files;
  if (creds !== undefined) return provenAuthenticator(credsAuthenticator(creds), access, "creds", faults);
  if (nkey !== undefined) {
    const seed = Buffer.from(lineOf(nkey));
    return provenAuthenticator(nkeyAuthenticator(seed), access, "nkey", faults);
  }
  if (user === undefined || password === undefined) return undefined;
  for (const [name, content] of [
    ["user", user],
    ["password", password],
  ] as const)
    if (lineOf(content) === "") faults.push(`${nameOf(access, name)} is empty`);
  return usernamePasswordAuthenticator(lineOf(user), lineOf(password));
}

const FORM = {
  creds: "must hold a user's JWT and its seed, as `nsc generate creds` writes them",
  nkey: "must hold the seed of an nkey (SU…), as `nk -gen user` writes it",
};

/** The library says what is wrong with a seed only when it signs. */
function provenAuthenticator(
  authenticator: Authenticator,
  access: NatsAccess,
  file: keyof typeof FORM,
  faults: string[],
): Authenticator {
  try {
    authenticator(NONCE);
  } catch {
    // Its error may quote what is in the file.
    faults.push(`${nameOf(access, file)} ${FORM[file]}`);
  }
  return authenticator;
}

/** The content without the line break that editors and `echo` leave behind. */
function lineOf(content: Buffer): string {
  return content.toString().replace(/\r?\n$/, "");
}

/** The server refuses a user's JWT outside its time. This client can't judge its signature, and need not. */
function jwtFault(creds: Buffer, now: number): string | undefined {
  const payload = /^[\w-]+\.([\w-]+)\.[\w-]+\s*$/m.exec(creds.toString())?.[1] ?? "";
  const { exp, nbf } = claimsOf(payload);
  if (typeof exp === "number" && now >= exp * 1000) return `have expired at ${new Date(exp * 1000).toISOString()}`;
  if (typeof nbf === "number" && now < nbf * 1000) return `are not valid before ${new Date(nbf * 1000).toISOString()}`;
  return undefined;
}

function claimsOf(payload: string): { readonly exp?: unknown; readonly nbf?: unknown } {
  try {
    return Object(JSON.parse(Buffer.from(payload, "base64url").toString()));
  } catch {
    return {};
  }
}
