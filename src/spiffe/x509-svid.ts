import type { X509SVIDResponse } from "../gen/spiffe/workloadapi.ts";
import type { CertificateFiles } from "../x509/certificate-files.ts";
import { SpiffeError } from "./spiffe-error.ts";

/** An identity of this process, and the CAs that prove others of its trust domain. In PEM. */
export interface X509Svid extends Required<CertificateFiles> {
  /** As `spiffe://example.org/signet`. */
  readonly id: string;
}

/**
 * The identity to use by default, which is the first (SPIFFE Workload API, 5.2.1). Throws the {@link SpiffeError}
 * BAD_SVID.
 */
export function svidOf({ svids: [svid] }: X509SVIDResponse): X509Svid {
  if (svid === undefined) throw badSvid("has no SVID");
  return {
    id: svid.spiffeId,
    cert: pemOf("CERTIFICATE", certificatesIn(svid.x509Svid)),
    key: pemOf("PRIVATE KEY", [svid.x509SvidKey]),
    ca: pemOf("CERTIFICATE", certificatesIn(svid.bundle)),
  };
}

const SEQUENCE = 0x30;
const LONG_FORM = 0x80;

/** The certificates of a chain or bundle, one after the other in DER. Each begins with its length (X.690, 8.1.3). */
function certificatesIn(der: Buffer): Buffer[] {
  const found: Buffer[] = [];
  for (let at = 0; at < der.length; ) {
    const end = at + lengthAt(der, at);
    if (der[at] !== SEQUENCE || end > der.length) throw badSvid("holds something that is no certificate");
    found.push(der.subarray(at, end));
    at = end;
  }
  if (found.length === 0) throw badSvid("lacks a certificate");
  return found;
}

/** The length of the element at this place, with its tag and length. */
function lengthAt(der: Buffer, at: number): number {
  const first = der[at + 1] ?? 0;
  if (first < LONG_FORM) return 2 + first;
  const bytes = first - LONG_FORM;
  if (bytes < 1 || bytes > 4 || at + 2 + bytes > der.length) throw badSvid("holds a length that is not DER");
  return 2 + bytes + der.readUIntBE(at + 2, bytes);
}

function pemOf(label: string, parts: readonly Buffer[]): Buffer {
  const blocks = parts.map((der) => {
    const lines = der.toString("base64").match(/.{1,64}/g) ?? [];
    return `-----BEGIN ${label}-----\n${lines.join("\n")}\n-----END ${label}-----\n`;
  });
  return Buffer.from(blocks.join(""));
}

function badSvid(what: string): SpiffeError {
  return new SpiffeError("BAD_SVID", `the answer of the SPIFFE Workload API ${what}`);
}
