import { type KeyObject, sign } from "node:crypto";

/** A token of any header and payload text, signed with Ed25519: what an attacker with a key could make. */
export function forge(header: unknown, payload: unknown, key: KeyObject): string {
  const encode = (part: unknown) =>
    Buffer.from(typeof part === "string" ? part : JSON.stringify(part)).toString("base64url");
  const input = `${encode(header)}.${encode(payload)}`;
  return `${input}.${sign(null, Buffer.from(input), key).toString("base64url")}`;
}
