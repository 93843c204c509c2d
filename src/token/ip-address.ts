import ipaddr from "ipaddr.js";
import type { Profile } from "../profile/model/profile.ts";

type Address = ipaddr.IPv4 | ipaddr.IPv6;

/**
 * The one canonical text of an IP address: dotted IPv4, or IPv6 as RFC 5952 writes it. An IPv4-mapped IPv6 address (RFC
 * 4291, 2.5.5.2) becomes its IPv4 address, so that a client has one address, whatever kind of socket it connects to.
 * Undefined when the text is not an address.
 */
export function canonicalIp(text: string): string | undefined {
  return parseAddress(text)?.toString();
}

/** Each client has at least so many bits of IPv6 addresses (RFC 6177, 2), and may change them with every connection. */
const CLIENT_BITS = 64;

/** What a client can't change at will: its IPv4 address, or the network of its IPv6 one. Undefined for no address. */
export function clientNetwork(text: string): string | undefined {
  const address = parseAddress(text);
  if (address === undefined || address.kind() === "ipv4") return address?.toString();
  return ipaddr.IPv6.networkAddressFromCIDR(`${address}/${CLIENT_BITS}`).toString();
}

/** What is wrong with the address of a client, as the description of a field violation, or undefined. */
export function addressFault(address: unknown): string | undefined {
  const known = typeof address === "string" && parseAddress(address) !== undefined;
  return known ? undefined : "must be an IPv4 or IPv6 address";
}

type Prefix = NonNullable<Profile["ip"]>["prefix"];

/**
 * Whether a client's address lies in the network of the token's address: their first bits are equal, as many as
 * `prefix` has for their family. False when either is not an address, or their families differ.
 */
export function isSameNetwork(claim: unknown, client: string, prefix: Prefix): boolean {
  const [token, address] = [typeof claim === "string" ? parseAddress(claim) : undefined, parseAddress(client)];
  if (token === undefined || address === undefined || token.kind() !== address.kind()) return false;
  return token.match(address, token.kind() === "ipv4" ? prefix.v4 : prefix.v6);
}

/** The longest text of an address: six groups of four digits, and an IPv4 address. */
const MAX_LENGTH = 45;

/** Four decimal numbers without leading zeros. Whether each fits a byte is left to the library. */
const FOUR_DECIMALS = /^(?:0|[1-9]\d{0,2})(?:\.(?:0|[1-9]\d{0,2})){3}$/;

/** The IPv4-mapped addresses, ::ffff:0:0/96. */
const MAPPED = ipaddr.IPv6.parseCIDR("::ffff:0:0/96");

/*
 * ipaddr.js accepts more than addresses. Each guard below refuses a text that another parser on the way, e.g. a
 * proxy's, may take for a different address: the address decides who is let in.
 */

function parseAddress(text: string): Address | undefined {
  if (text.length > MAX_LENGTH) return undefined;
  const tailAt = text.lastIndexOf(":") + 1;
  if (tailAt === 0) return parseIpv4(text);
  if (!text.includes(".", tailAt)) return parseIpv6(text);
  // The library takes octal numbers in an IPv4 tail, and takes ::1.2.3.4 for ::ffff:1.2.3.4. Two groups have one
  // meaning.
  const tail = parseIpv4(text.slice(tailAt));
  return tail && parseIpv6(text.slice(0, tailAt) + groupsOf(tail));
}

/** Decimal numbers alone: the library also takes 0x7f.1, 127.1, 0177.0.0.1 and 2130706433. */
function parseIpv4(text: string): ipaddr.IPv4 | undefined {
  return FOUR_DECIMALS.test(text) && ipaddr.IPv4.isValid(text) ? ipaddr.IPv4.parse(text) : undefined;
}

/** No zone id, as in fe80::1%eth0: it names an interface of one machine. */
function parseIpv6(text: string): Address | undefined {
  if (text.includes("%") || !ipaddr.IPv6.isValid(text)) return undefined;
  const address = ipaddr.IPv6.parse(text);
  return address.match(MAPPED) ? address.toIPv4Address() : address;
}

/** The last two groups of an IPv6 address that ends with an IPv4 address. */
function groupsOf({ octets: [a = 0, b = 0, c = 0, d = 0] }: ipaddr.IPv4): string {
  return `${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`;
}
