import { constants } from "node:crypto";
import type { SecureContextOptions } from "node:tls";
import type { CertificateFiles } from "../x509/certificate-files.ts";

/** The oldest version of TLS that a listener speaks. */
export type MinVersion = "1.2" | "1.3";

/** Of TLS 1.3, then of TLS 1.2: only suites with forward secrecy that authenticate what they encrypt (AEAD). */
const SUITES = [
  "TLS_AES_128_GCM_SHA256",
  "TLS_AES_256_GCM_SHA384",
  "TLS_CHACHA20_POLY1305_SHA256",
  "ECDHE-ECDSA-AES128-GCM-SHA256",
  "ECDHE-RSA-AES128-GCM-SHA256",
  "ECDHE-ECDSA-AES256-GCM-SHA384",
  "ECDHE-RSA-AES256-GCM-SHA384",
  "ECDHE-ECDSA-CHACHA20-POLY1305",
  "ECDHE-RSA-CHACHA20-POLY1305",
].join(":");

/**
 * Everything that decides what a listener speaks. `setSecureContext` of a server forgets what is not in the options
 * that it is given: without these it would fall back to Node's floor and suites.
 */
export function secureContextOptions(
  { ca, cert, key }: CertificateFiles,
  minVersion: MinVersion,
): SecureContextOptions {
  return {
    ...{ cert, key, ...(ca && { ca }) },
    minVersion: `TLSv${minVersion}`,
    maxVersion: "TLSv1.3",
    ciphers: SUITES,
    // A resumed session would bring back a client certificate that today's CAs may no longer prove.
    secureOptions: constants.SSL_OP_NO_TICKET | constants.SSL_OP_NO_RENEGOTIATION,
  };
}
