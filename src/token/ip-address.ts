import type { Profile } from "../profile/model/profile.ts";

const IPV4 = /^(?:(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)(?:\.(?!$)|$)){4}$/;
const IPV6_CHARACTERS = /^[0-9A-Fa-f:.]{2,45}$/;
const MAPPED = /^::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/;

/**
 * The one text of an IP address: IPv4 with dots, IPv6 as RFC 5952 writes it, and an IPv4-mapped IPv6 address (RFC 4291,
 * 2.5.5.2) as its IPv4, so that a client has one address whichever socket it came by. Undefined for what is no address;
 * a zone id names an interface of one machine and is none.
 */
export function canonicalIp(text: string): string | undefined {
  if (IPV4.test(text)) return text;
  if (!IPV6_CHARACTERS.test(text) || !URL.canParse(`http://[${text}]/`)) return undefined;
  const canonical = new URL(`http://[${text}]/`).hostname.slice(1, -1);
  const [, high, low] = MAPPED.exec(canonical) ?? [];
  return high === undefined || low === undefined ? canonical : `${twoBytes(high)}.${twoBytes(low)}`;
}

function twoBytes(hex: string): string {
  const value = Number.parseInt(hex, 16);
  return `${value >> 8}.${value & 0xff}`;
}

/** What is wrong with the address of a client, as the description of a field violation, or undefined. */
export function addressFault(address: unknown): string | undefined {
  const known = typeof address === "string" && canonicalIp(address) !== undefined;
  return known ? undefined : "must be an IPv4 or IPv6 address";
}

type Prefix = NonNullable<Profile["ip"]>["prefix"];

/**
 * Whether a client's address lies in the network of the token's: the first bits, as many as the prefix of its family says,
 * are equal. False for what is no address.
 */
export function isSameNetwork(claim: unknown, client: string, prefix: Prefix): boolean {
  const [token, address] = [typeof claim === "string" ? canonicalIp(claim) : undefined, canonicalIp(client)];
  if (token === undefined || address === undefined) return false;
  const [left, right] = [bitsOf(token), bitsOf(address)];
  const length = left.length === 32 ? prefix.v4 : prefix.v6;
  return left.length === right.length && left.slice(0, length) === right.slice(0, length);
}

/** 32 or 128 binary digits. */
function bitsOf(canonical: string): string {
  if (!canonical.includes(":"))
    return canonical
      .split(".")
      .map((byte) => digits(Number(byte), 8))
      .join("");
  const [head = [], tail = []] = canonical.split("::").map((half) => half.split(":").filter((group) => group !== ""));
  const zeros: string[] = new Array(8 - head.length - tail.length).fill("0");
  return [...head, ...zeros, ...tail].map((group) => digits(Number.parseInt(group, 16), 16)).join("");
}

function digits(value: number, width: number): string {
  return value.toString(2).padStart(width, "0");
}
