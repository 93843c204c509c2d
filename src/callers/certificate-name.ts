import type { X509Certificate } from "node:crypto";
import { isDnsName } from "../access/caller-name.ts";
import { parseSpiffeId } from "../access/spiffe-id.ts";

/** What is read of a certificate whose chain, dates and purpose are verified. `raw` is its DER. */
type Leaf = Pick<X509Certificate, "subjectAltName" | "raw">;

/** The name that a certificate proves, or why it proves none: what follows "the client certificate …". */
export type CertificateName = { readonly name: string } | { readonly reason: string };

/**
 * The caller's name in a client certificate: its only URI, which must be a SPIFFE ID of one of `trustDomains`, or, if
 * it has no URI, its only DNS name. TLS libraries let any number of names pass; of two, the wrong one might count.
 * Other kinds of names count as nothing.
 */
export function nameOfCertificate(leaf: Leaf, trustDomains: ReadonlySet<string>): CertificateName {
  if (maySign(leaf)) return { reason: "may sign other certificates or revocation lists: it is no caller's" };
  const text = leaf.subjectAltName ?? "";
  // Node quotes a value that could be mistaken for several names (CVE-2021-44532); no name of a caller needs it.
  if (text.includes('"')) return { reason: "has a subject alternative name with a character that is not allowed" };
  const names = text.split(", ");
  const uris = valuesOf(names, "URI");
  return uris.length > 0 ? spiffeName(uris, trustDomains) : dnsName(valuesOf(names, "DNS"));
}

function spiffeName([uri = "", ...others]: readonly string[], trustDomains: ReadonlySet<string>): CertificateName {
  if (others.length > 0) return { reason: `has ${others.length + 1} URIs as names: exactly one is allowed` };
  const spiffeId = parseSpiffeId(uri);
  if (spiffeId === undefined) return { reason: "has a URI as name that is not the SPIFFE ID of a workload" };
  if (!trustDomains.has(spiffeId.trustDomain))
    return { reason: "has a SPIFFE ID of a trust domain that callers.trust_domains does not list" };
  return { name: spiffeId.id };
}

function dnsName([name, ...others]: readonly string[]): CertificateName {
  if (name === undefined)
    return { reason: "has no name of a caller: a SPIFFE ID or a DNS name as subject alternative name" };
  if (others.length > 0) return { reason: `has no URI and ${others.length + 1} DNS names: exactly one is allowed` };
  if (!isDnsName(name)) return { reason: "has a DNS name that is not a host name in lower case without a wildcard" };
  return { name: `dns:${name}` };
}

function valuesOf(names: readonly string[], kind: "URI" | "DNS"): string[] {
  return names.flatMap((name) => (name.startsWith(`${kind}:`) ? [name.slice(kind.length + 1)] : []));
}

/** The identifiers of extensions in DER (RFC 5280, 4.2.1.3 and 4.2.1.9), and the mark of a critical one. */
const KEY_USAGE = Buffer.from("0603551d0f", "hex");
const BASIC_CONSTRAINTS = Buffer.from("0603551d13", "hex");
const CRITICAL = Buffer.from("0101ff", "hex");
/** In the bit string of keyUsage: keyCertSign and cRLSign. */
const SIGNING_BITS = 0b0000_0110;

/** The rules of X509-SVID, 5.2 for a leaf, which OpenSSL does not check of a client: a CA could name any caller. */
function maySign({ raw }: Leaf): boolean {
  const constraints = extensionOf(raw, BASIC_CONSTRAINTS);
  const usage = extensionOf(raw, KEY_USAGE);
  // An empty sequence: neither is it a CA, nor has it a length of paths.
  if (constraints !== undefined && (constraints[2] !== 0x30 || constraints[3] !== 0)) return true;
  // A bit string: its tag and length, the number of unused bits, and the first eight.
  return usage !== undefined && (usage[2] !== 0x03 || ((usage[5] ?? SIGNING_BITS) & SIGNING_BITS) !== 0);
}

/**
 * The octet string of an extension, with its tag and length, both of one byte; undefined if there is none. It is found
 * by its identifier. Where that is found twice, e.g. in a name that is to look like the extension, the result is empty,
 * which no rule takes.
 */
function extensionOf(der: Buffer, id: Buffer): Buffer | undefined {
  const at = der.indexOf(id);
  if (at === -1) return undefined;
  if (der.indexOf(id, at + 1) !== -1) return Buffer.alloc(0);
  const end = at + id.length;
  return der.subarray(der.subarray(end, end + CRITICAL.length).equals(CRITICAL) ? end + CRITICAL.length : end);
}
