/**
 * The encodings (RFC 8032, 5.1.2) of all y that belong to a point of small order, without the bit for the sign of x:
 * orders 4, 1, 8, 8, 2, and the first two once more, not reduced modulo p.
 */
const SMALL_ORDER: readonly Buffer[] = [
  "0000000000000000000000000000000000000000000000000000000000000000",
  "0100000000000000000000000000000000000000000000000000000000000000",
  "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
  "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
  "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
  "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
  "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
].map((hex) => Buffer.from(hex, "hex"));

const BYTES = 32;
const LAST = BYTES - 1;
const WITHOUT_SIGN = 0x7f;

/**
 * Whether a public key A may verify: its encoding is canonical, and its order is not small. With a key of small order
 * one signature fits many texts. These are the rules of libsodium.
 */
export function isSafeKey(point: Uint8Array): boolean {
  return point.length === BYTES && isCanonical(point) && !isSmallOrder(point);
}

/**
 * Whether a signature may be verified: 64 bytes, R not of small order, and S below the order of the group (RFC 8032,
 * 5.1.7). Whatever library verifies, two of them must not differ on a token. A few comparisons for each token.
 */
export function isSafeSignature(signature: Uint8Array): boolean {
  return signature.length === 2 * BYTES && !isSmallOrder(signature) && isReduced(signature);
}

/** Whether the first 32 bytes are a point of small order. Most differ from every entry in their first byte. */
function isSmallOrder(bytes: Uint8Array): boolean {
  for (const entry of SMALL_ORDER) if (bytes[0] === entry[0] && isSameY(bytes, entry)) return true;
  return false;
}

function isSameY(bytes: Uint8Array, entry: Buffer): boolean {
  for (let i = 0; i < LAST; i += 1) if (bytes[i] !== entry[i]) return false;
  return ((bytes[LAST] ?? 0) & WITHOUT_SIGN) === entry[LAST];
}

/** Whether y is below p = 2^255 - 19. */
function isCanonical(point: Uint8Array): boolean {
  if (((point[LAST] ?? 0) & WITHOUT_SIGN) !== WITHOUT_SIGN || (point[0] ?? 0) < 0xed) return true;
  for (let i = 1; i < LAST; i += 1) if (point[i] !== 0xff) return true;
  return false;
}

/** L = 2^252 + 27742317777372353535851937790883648493, in little endian. */
const ORDER = Buffer.from("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010", "hex");

/** Whether S, the second half of a signature, is below L. */
function isReduced(signature: Uint8Array): boolean {
  for (let i = LAST; i >= 0; i -= 1) {
    const digit = signature[BYTES + i] ?? 0;
    const limit = ORDER[i] ?? 0;
    if (digit !== limit) return digit < limit;
  }
  return false;
}
