import type { X509Certificate } from "node:crypto";

/** On what the trust in a client certificate rests, once OpenSSL has verified it. */
export interface ClientTrust {
  /** When the first certificate of its chain expires, in Unix milliseconds. */
  readonly until: number;
  /** SHA-256 fingerprints of the CAs of its chain that were configured. */
  readonly authorities: readonly string[];
}

/** A longer chain is none that OpenSSL verifies. */
const MAX_CHAIN = 100;

/** The certificates that a client has sent, its own (`leaf`, as `getPeerX509Certificate` returns it) first. */
export function sentCertificates(leaf: X509Certificate): X509Certificate[] {
  const sent = [leaf];
  for (let next = leaf.issuerCertificate; next !== undefined && sent.length < MAX_CHAIN; next = next.issuerCertificate)
    sent.push(next);
  return sent;
}

/** Follows the chain of a client certificate as OpenSSL does: a configured CA counts before one that was sent. */
export function trustIn(sent: readonly X509Certificate[], configured: readonly X509Certificate[]): ClientTrust {
  const chain = sent.slice(0, 1);
  const authorities: X509Certificate[] = [];
  for (let current = chain[0]; current !== undefined && chain.length < MAX_CHAIN; current = chain.at(-1)) {
    if (current.checkIssued(current)) break;
    const authority = issuerAmong(configured, current);
    const issuer = authority ?? sent.find((certificate) => current.checkIssued(certificate));
    if (issuer === undefined) break;
    if (authority !== undefined) authorities.push(authority);
    chain.push(issuer);
  }
  return {
    until: Math.min(...chain.map(({ validToDate }) => validToDate.getTime())),
    authorities: authorities.map(({ fingerprint256 }) => fingerprint256),
  };
}

/** Of the trusts in clients, those that rest on a CA that is no longer configured. */
export function lapsed<Trusted extends { readonly trust: ClientTrust | undefined }>(
  clients: Iterable<Trusted>,
  configured: readonly X509Certificate[],
): Trusted[] {
  const present = new Set(configured.map(({ fingerprint256 }) => fingerprint256));
  return [...clients].filter(({ trust }) => trust?.authorities.some((fingerprint) => !present.has(fingerprint)));
}

/** OpenSSL has verified the chain: a signature is looked at only where several CAs have one name. */
function issuerAmong(configured: readonly X509Certificate[], issued: X509Certificate): X509Certificate | undefined {
  const named = configured.filter((authority) => issued.checkIssued(authority));
  if (named.length < 2) return named[0];
  const issuers = named.filter(({ publicKey }) => issued.verify(publicKey));
  // With one key, as after a renewal: the one that is valid for the longest time.
  return issuers.sort((one, other) => other.validToDate.getTime() - one.validToDate.getTime())[0];
}
