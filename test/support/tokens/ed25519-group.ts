import { createHash } from "node:crypto";

/** The group of Ed25519 (RFC 8032, 5.1), slowly: it makes keys and signatures that no library makes. */
export interface Point {
  readonly x: bigint;
  readonly y: bigint;
}

const P = 2n ** 255n - 19n;
/** The order of the base point. */
export const L = 2n ** 252n + 27742317777372353535851937790883648493n;

const mod = (number: bigint, modulus = P): bigint => ((number % modulus) + modulus) % modulus;

function power(base: bigint, exponent: bigint): bigint {
  let [result, square] = [1n, mod(base)];
  for (let left = exponent; left > 0n; left >>= 1n) {
    if (left & 1n) result = mod(result * square);
    square = mod(square * square);
  }
  return result;
}

const inverse = (number: bigint): bigint => power(number, P - 2n);
const D = mod(-121665n * inverse(121666n));
const ROOT_OF_MINUS_ONE = power(2n, (P - 1n) / 4n);

export function add(one: Point, other: Point): Point {
  const k = mod(D * one.x * other.x * one.y * other.y);
  return {
    x: mod((one.x * other.y + one.y * other.x) * inverse(1n + k)),
    y: mod((one.y * other.y + one.x * other.x) * inverse(1n - k)),
  };
}

const NEUTRAL: Point = { x: 0n, y: 1n };

export function times(scalar: bigint, point: Point): Point {
  let [result, double] = [NEUTRAL, point];
  for (let left = scalar; left > 0n; left >>= 1n) {
    if (left & 1n) result = add(result, double);
    double = add(double, double);
  }
  return result;
}

/** The point with this y and an even x (5.1.3). */
function pointAt(y: bigint): Point {
  const [u, v] = [mod(y * y - 1n), mod(D * y * y + 1n)];
  const square = mod(u * inverse(v));
  const root = power(square, (P + 3n) / 8n);
  const x = mod(root * root) === square ? root : mod(root * ROOT_OF_MINUS_ONE);
  return { x: x & 1n ? P - x : x, y };
}

export const BASE = pointAt(mod(4n * inverse(5n)));
/** Its multiples are all points of small order. */
export const OF_ORDER_8 = pointAt(
  fromBytes(Buffer.from("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05", "hex")),
);

function fromBytes(bytes: Buffer): bigint {
  return BigInt(`0x${Buffer.from(bytes).reverse().toString("hex")}`);
}

export function toBytes(number: bigint): Buffer {
  return Buffer.from(number.toString(16).padStart(64, "0"), "hex").reverse();
}

export function encode({ x, y }: Point): Buffer {
  return toBytes(y | ((x & 1n) << 255n));
}

/** h of a signature (5.1.7), reduced modulo L as verifiers do. */
export function challenge(r: Buffer, a: Buffer, message: Buffer): bigint {
  return mod(fromBytes(createHash("sha512").update(r).update(a).update(message).digest()), L);
}
