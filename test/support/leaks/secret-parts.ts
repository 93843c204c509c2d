import { createPrivateKey } from "node:crypto";

/** The members of a JWK that are secret (RFC 7518, 6). */
const PRIVATE_MEMBERS = ["d", "p", "q", "dp", "dq", "qi", "k"];
const ARMOUR = /-----[A-Z ]+-----/g;

/**
 * What is secret of a text that is imported as a key. All keys in PEM begin alike, and so do all JWKs: such a beginning
 * may be in a log or a token, and is no leak.
 */
export function secretParts(text: string): Uint8Array[] {
  if (text.includes("-----BEGIN ")) return text.includes("PRIVATE KEY") ? partsOfPem(text) : [];
  const members = membersOf(text);
  return members === undefined ? [Buffer.from(text)] : partsOfJwk(members);
}

function partsOfPem(pem: string): Uint8Array[] {
  try {
    return partsOfJwk(createPrivateKey(pem).export({ format: "jwk" }));
  } catch {
    return [Buffer.from(pem.replace(ARMOUR, "").trim())];
  }
}

function partsOfJwk(members: object): Uint8Array[] {
  return Object.entries(members).flatMap(([name, value]) =>
    PRIVATE_MEMBERS.includes(name) && typeof value === "string" ? [Buffer.from(value, "base64url")] : [],
  );
}

/** The members of a JSON object; undefined for any other text. */
function membersOf(text: string): object | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}
