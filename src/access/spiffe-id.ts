/** The name of a workload (SPIFFE-ID, 2). */
export interface SpiffeId {
  /** The whole name, as `spiffe://example.org/billing/api`. Its only spelling: names are compared exactly. */
  readonly id: string;
  /** As `example.org`. */
  readonly trustDomain: string;
}

const MAX_BYTES = 2048;
const MAX_TRUST_DOMAIN_BYTES = 255;
const TRUST_DOMAIN = "[a-z0-9._-]+";
/** Neither `.` nor `..`, nothing percent-encoded, and no segment that is empty. */
const SEGMENT = String.raw`(?!\.{1,2}(?:/|$))[A-Za-z0-9._-]+`;
const SPIFFE_ID = new RegExp(`^spiffe://(?<trustDomain>${TRUST_DOMAIN})(?:/${SEGMENT})+$`);

/** The parts of a SPIFFE ID of a workload. Undefined for any other text, also for that of a trust domain alone. */
export function parseSpiffeId(text: string): SpiffeId | undefined {
  // All its characters are ASCII, so that their number is that of the bytes.
  const trustDomain = text.length <= MAX_BYTES ? SPIFFE_ID.exec(text)?.groups?.trustDomain : undefined;
  if (trustDomain === undefined || trustDomain.length > MAX_TRUST_DOMAIN_BYTES) return undefined;
  return { id: text, trustDomain };
}
