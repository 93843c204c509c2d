import { createHash, createHmac, type KeyObject, sign } from "node:crypto";
import { recordSecret } from "../leaks/record.ts";

/** A token as a vendor's own library signs it with HS256. A string stands for JSON that no library writes. */
export function foreignToken(header: object | string, claims: object | string, key: Buffer): string {
  return signedToken(header, claims, (input) => createHmac("sha256", key).update(input).digest());
}

/** A token of any header and payload, signed with Ed25519, as an attacker with a key could make it. */
export function forge(header: unknown, payload: unknown, key: KeyObject): string {
  return signedToken(header, payload, (input) => sign(null, input, key));
}

/** A token of any header and payload, with the signature that is made over its signing input. */
export function signedToken(header: unknown, payload: unknown, makeSignature: (input: Buffer) => Buffer): string {
  const input = signingInput(header, payload);
  const signature = makeSignature(Buffer.from(input));
  recordSecret("signature", signature);
  return `${input}.${signature.toString("base64url")}`;
}

function signingInput(...parts: readonly [header: unknown, payload: unknown]): string {
  const texts = parts.map((part) => (typeof part === "string" ? part : JSON.stringify(part)));
  return texts.map((text) => Buffer.from(text).toString("base64url")).join(".");
}

/** The bytes of a test's key, the same in every run. */
export function testKey(name: string): Buffer {
  return createHash("sha256").update(`a key for tests: ${name}`).digest();
}

/** The JSON texts of a token's header and claims. */
export function textsOf(token: string): { readonly header: string; readonly claims: string } {
  const [header = "", claims = ""] = token.split(".").map((part) => Buffer.from(part, "base64url").toString());
  return { header, claims };
}

/** The claims of a token, unchecked, in the order in which they are signed. */
export function claimsOf(token: string): Record<string, unknown> {
  return JSON.parse(textsOf(token).claims);
}
