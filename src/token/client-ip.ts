import type { Profile } from "../profile/profile.ts";
import { canonicalIp } from "./ip-address.ts";

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
