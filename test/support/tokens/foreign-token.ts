import { createHash, createHmac } from "node:crypto";

/** A token as a vendor's own library signs it with HS256; `key` as bytes. Text stands for JSON that no library writes. */
export function foreignToken(header: object | string, claims: object | string, key: Buffer): string {
  const input = `${encoded(header)}.${encoded(claims)}`;
  return `${input}.${createHmac("sha256", key).update(input).digest("base64url")}`;
}

function encoded(part: object | string): string {
  return Buffer.from(typeof part === "string" ? part : JSON.stringify(part)).toString("base64url");
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
