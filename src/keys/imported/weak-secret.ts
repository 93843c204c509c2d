/** RFC 7518, 3.2: an HS256 key is at least as long as the hash. */
const LEAST_BYTES = 32;
/** The probability that 32 random bytes have fewer different values is below 2^-130. */
const LEAST_DIFFERENT = 8;

/** Words from documentation and templates, as letters and digits only. No random secret contains one by chance. */
const PLACEHOLDER = new RegExp(
  "secretkey|accesskey|privatekey|signingkey|apikey|bitsecret|yoursecret|mysecret|secrethere|keyhere|changeme|" +
    "changethis|replaceme|replacethis|placeholder|insertyour|password|example|donotuse|notforproduction|^secret$",
);

/**
 * Why a secret should not be used, as the end of a sentence that begins with "it", or undefined. With one token an
 * attacker can try millions of secrets a second offline: a text that can be guessed or looked up is not a secret.
 */
export function weakness(text: string, bytes: Buffer): string | undefined {
  if (isPlaceholder(text) || isPlaceholder(bytes.toString("latin1"))) return "looks like a placeholder";
  if (bytes.length < LEAST_BYTES) return `has ${bytes.length} bytes, and HS256 needs ${LEAST_BYTES} (RFC 7518, 3.2)`;
  if (new Set(bytes).size < LEAST_DIFFERENT) return `has fewer than ${LEAST_DIFFERENT} different bytes`;
  if (repeats(bytes)) return "is one piece repeated";
  return undefined;
}

function isPlaceholder(text: string): boolean {
  return PLACEHOLDER.test(text.toLowerCase().replaceAll(/[^a-z0-9]/g, ""));
}

/** Whether the bytes are one piece repeated to their end, at least twice in full. */
function repeats(bytes: Buffer): boolean {
  for (let period = 1; period <= bytes.length / 2; period += 1)
    if (bytes.subarray(period).equals(bytes.subarray(0, -period))) return true;
  return false;
}
