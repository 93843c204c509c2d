import { createPrivateKey, type KeyObject, X509Certificate } from "node:crypto";

/** The files of one end of a TLS connection, in PEM. Absent ones are not used. */
export interface CertificateFiles {
  /** The CAs by which the other end is proven. */
  readonly ca?: Buffer | undefined;
  /** The own certificate, followed by its intermediate ones. */
  readonly cert?: Buffer | undefined;
  /** The private key of the own certificate. */
  readonly key?: Buffer | undefined;
}

type FileName = keyof CertificateFiles;

/** What the files of one end hold. */
export interface Certificates {
  /** The own certificate; undefined where there is none, or a fault. */
  readonly own: X509Certificate | undefined;
  /** What follows it in its file. */
  readonly intermediates: readonly X509Certificate[];
  /** The CAs; empty where there are none, or a fault. */
  readonly authorities: readonly X509Certificate[];
  /** The files for OpenSSL, which leaves out a certificate that does not begin on a line of its own. */
  readonly pem: CertificateFiles;
  /** Everything that is wrong with the files, except that something has expired. They repeat nothing of a file. */
  readonly faults: readonly string[];
}

const BEGIN = "-----BEGIN CERTIFICATE-----";
const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g;

/** Reads the files of one end. `names` are how faults call them, such as the key of a configuration and the path. */
export function readCertificates(files: CertificateFiles, names: Readonly<Record<FileName, string>>): Certificates {
  const faults: string[] = [];
  const authorities = certificatesOf(files.ca, names.ca, faults);
  const chain = certificatesOf(files.cert, names.cert, faults);
  const [own, ...intermediates] = chain;
  const key = privateKeyOf(files.key, names.key, faults);
  if (own !== undefined && key !== undefined && !own.checkPrivateKey(key))
    faults.push(`${names.key} is not the private key of ${names.cert}`);
  const pem = { ca: pemOf(authorities), cert: pemOf(chain), key: files.key };
  return { own, intermediates, authorities, pem, faults };
}

/** Why a certificate does not count at `now` (Unix milliseconds), as the end of a sentence. Undefined: it does. */
export function validityFault({ validFromDate, validToDate }: X509Certificate, now: number): string | undefined {
  if (now > validToDate.getTime()) return `expired at ${validToDate.toISOString()}`;
  if (now < validFromDate.getTime()) return `is not valid before ${validFromDate.toISOString()}`;
  return undefined;
}

/** What an end shows: its own certificate, and those by which the other end finds the CA of it. */
type Chain = Pick<Certificates, "own" | "intermediates">;

/** Why a chain does not count at `now` (Unix milliseconds), one text for each certificate. `name` calls its file. */
export function chainFaults({ own, intermediates }: Chain, name: string, now: number): string[] {
  const ofOwn = own && validityFault(own, now);
  const ofOthers = intermediates.map((certificate) => validityFault(certificate, now));
  return [
    ...(ofOwn === undefined ? [] : [`${name} ${ofOwn}`]),
    ...ofOthers.flatMap((fault) =>
      fault === undefined ? [] : [`${name} holds an intermediate certificate that ${fault}`],
    ),
  ];
}

/** The times between which a certificate counts (RFC 5280, 4.1.2.5), in Unix milliseconds. */
export interface Validity {
  readonly notBefore: number;
  readonly expires: number;
}

/** The validity of the certificate that expires first. */
export function firstToExpire(one: X509Certificate, ...others: readonly X509Certificate[]): Validity {
  const first = others.reduce((first, next) => (next.validToDate < first.validToDate ? next : first), one);
  return { notBefore: first.validFromDate.getTime(), expires: first.validToDate.getTime() };
}

function certificatesOf(content: Buffer | undefined, name: string, faults: string[]): X509Certificate[] {
  if (content === undefined) return [];
  const text = content.toString("latin1");
  const blocks = text.match(CERTIFICATE) ?? [];
  const isWhole = text.split(BEGIN).length === blocks.length + 1;
  try {
    if (blocks.length > 0 && isWhole) return blocks.map((pem) => new X509Certificate(pem));
  } catch {
    // What OpenSSL says of it names no place in the file.
  }
  faults.push(`${name} must hold ${isWhole ? "" : "whole "}certificates in PEM (${BEGIN})`);
  return [];
}

function pemOf(certificates: readonly X509Certificate[]): Buffer | undefined {
  return certificates.length === 0 ? undefined : Buffer.from(certificates.join(""));
}

function privateKeyOf(content: Buffer | undefined, name: string, faults: string[]): KeyObject | undefined {
  if (content === undefined) return undefined;
  try {
    return createPrivateKey(content);
  } catch {
    // The error may quote what is in the file.
    faults.push(`${name} must hold a private key in PEM, without a passphrase`);
    return undefined;
  }
}
