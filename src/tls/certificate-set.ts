import type { X509Certificate } from "node:crypto";
import { createSecureContext } from "node:tls";
import { CodedError } from "../coded-error.ts";
import {
  type CertificateFiles,
  chainFaults,
  firstToExpire,
  readCertificates,
  type Validity,
  validityFault,
} from "../x509/certificate-files.ts";
import { secureContextOptions } from "./secure-context.ts";

/** The certificates of a TLS listener, read together and checked as a whole. */
export interface CertificateSet {
  /** What it shows. */
  readonly own: X509Certificate;
  /** What it shows as well, so that clients find the CA of its own. */
  readonly intermediates: readonly X509Certificate[];
  /** The CAs by which it proves clients; empty where it asks for no certificate. */
  readonly authorities: readonly X509Certificate[];
  /** In PEM. */
  readonly files: CertificateFiles;
}

/** A set of certificates can't be used. The message has everything that is wrong with it. */
export class CertificateError extends CodedError<"UNUSABLE_CERTIFICATES"> {}

/** id-kp-serverAuth (RFC 5280, 4.2.1.12). */
const SERVER_AUTH = "1.3.6.1.5.5.7.3.1";

/**
 * Checks that a certificate is a server's, fits its private key and is valid at `now` (Unix milliseconds), and that the
 * CAs can prove a client. `names` are how an error calls the files.
 *
 * @throws CertificateError with all faults.
 */
export function checkCertificates(
  files: CertificateFiles,
  names: Readonly<Record<keyof CertificateFiles, string>>,
  now: number,
): CertificateSet {
  const { own, intermediates, authorities, pem, faults: unreadable } = readCertificates(files, names);
  const faults = [
    ...unreadable,
    ...chainFaults({ own, intermediates }, names.cert, now),
    ...(own === undefined || isForServers(own)
      ? []
      : [`${names.cert} is not a server's: its extended key usage lacks serverAuth`]),
    ...(authorities.length === 0 ? [] : authorityFaults(authorities, now).map((fault) => `${names.ca} ${fault}`)),
  ];
  if (own === undefined || faults.length > 0) throw new CertificateError("UNUSABLE_CERTIFICATES", faults.join("; "));
  refuseWeakCertificate(pem, names.cert);
  return { own, intermediates, authorities, files: pem };
}

/** The validity of the certificate, or of an intermediate one that expires first. */
export function ownValidity({ own, intermediates }: CertificateSet): Validity {
  return firstToExpire(own, ...intermediates);
}

/**
 * The validity of the CA that expires first, of those that have not by `now` (Unix milliseconds). One that another CA
 * of its name outlives does not count: it is being replaced. Undefined where there are no CAs.
 */
export function authorityValidity({ authorities }: CertificateSet, now: number): Validity | undefined {
  const lasting = authorities.filter((authority) => !authorities.some((other) => isReplacedBy(authority, other)));
  const valid = lasting.filter(({ validToDate }) => validToDate.getTime() > now);
  const [one, ...others] = valid.length === 0 ? lasting : valid;
  return one && firstToExpire(one, ...others);
}

function isReplacedBy(authority: X509Certificate, other: X509Certificate): boolean {
  return nameOf(authority) === nameOf(other) && authority.validToDate < other.validToDate;
}

/** The CAs of a SPIFFE trust domain share its id, which is an alternative name, whatever their subjects are. */
function nameOf({ subjectAltName, subject }: X509Certificate): string {
  return subjectAltName ?? subject;
}

function isForServers(own: X509Certificate): boolean {
  // Node calls the extended key usages so. Without the extension a certificate is for everything.
  return (own.keyUsage as readonly string[] | undefined)?.includes(SERVER_AUTH) ?? true;
}

function authorityFaults(authorities: readonly X509Certificate[], now: number): string[] {
  // OpenSSL follows a chain up to a certificate that is signed by itself.
  const roots = authorities.filter((authority) => authority.checkIssued(authority));
  const isValid = roots.some((root) => validityFault(root, now) === undefined);
  return [
    ...(authorities.every(({ ca }) => ca) ? [] : ["holds a certificate that is no CA's"]),
    ...(isValid ? [] : ["holds no root certificate, which is signed by itself, that is valid now"]),
  ];
}

/** Throws for what OpenSSL does not show to any client, such as a short key. */
function refuseWeakCertificate(files: CertificateFiles, name: string): void {
  try {
    createSecureContext(secureContextOptions(files, "1.3"));
  } catch (cause) {
    const code = cause instanceof Error && "code" in cause ? cause.code : "unknown";
    throw new CertificateError("UNUSABLE_CERTIFICATES", `OpenSSL does not take ${name}: ${code}`, { cause });
  }
}
