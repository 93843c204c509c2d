/** A whole number in [from, to). */
type Random = (from: number, to: number) => number;

const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
const ODD = [".", "=", " ", "\n", "+", "/", "\0", "é", "鍵", "%", '"'];
const HEADERS = ["alg", "kid", "typ", "jwk", "jku", "x5u", "crit", "b64", "zip", "cty"];
const CLAIMS = ["iss", "sub", "aud", "exp", "nbf", "iat", "jti", "client_id", "scope"];
const VALUES = [null, true, 0, -1, 1e300, "", "none", "HS256", "at+jwt", "a", [], ["a", 1], {}, { kty: "OKP" }];

/** The ways in which an attacker or a broken client changes a token. */
const MUTATIONS: readonly ((token: string, random: Random) => string)[] = [
  (token, random) => flipBit(token, random),
  (token, random) => splice(token, random(0, token.length), 1, pick(ALPHABET, random)),
  (token, random) => splice(token, random(0, token.length + 1), 0, pick([...ALPHABET, ...ODD], random)),
  (token, random) => splice(token, random(0, token.length), 1 + random(0, 8), ""),
  (token, random) => token.slice(0, random(0, token.length)),
  (token, random) => token.slice(1 + random(0, token.length)),
  (token) => token.replace(".", ".."),
  (token, random) => splice(token, random(0, token.length + 1), 0, "."),
  (token, random) => shuffled(token.split("."), random).join("."),
  (token, random) => replacePart(token, random(0, 3), ""),
  (token, random) => replacePart(token, random(0, 3), randomBytes(1 + random(0, 80), random).toString("base64url")),
  (token, random) => changeMember(token, 0, pick(HEADERS, random), random),
  (token, random) => changeMember(token, 1, pick(CLAIMS, random), random),
  (token) => `${token}.${token}`,
  (token, random) => token + pick(ODD, random),
  (token, random) => splice(token, random(0, token.length), 0, token.slice(0, random(0, token.length))),
];

/** The token with one to three changes. In rare cases the text is unchanged. */
export function mutateToken(token: string, random: Random): string {
  let mutated = token;
  for (let change = random(0, 3); change >= 0; change -= 1) mutated = pick(MUTATIONS, random)(mutated, random);
  return mutated;
}

/** Bytes from the random source. */
export function randomBytes(length: number, random: Random): Buffer {
  return Buffer.from(Array.from({ length }, () => random(0, 256)));
}

function pick<Item>(items: ArrayLike<Item>, random: Random): Item {
  return items[random(0, items.length)] as Item;
}

function splice(text: string, at: number, remove: number, insert: string): string {
  return text.slice(0, at) + insert + text.slice(at + remove);
}

function flipBit(token: string, random: Random): string {
  const at = random(0, token.length);
  return splice(token, at, 1, String.fromCharCode((token.charCodeAt(at) || 65) ^ (1 << random(0, 7))));
}

function shuffled(parts: readonly string[], random: Random): string[] {
  return parts
    .map((part) => ({ part, at: random(0, 1 << 16) }))
    .toSorted((a, b) => a.at - b.at)
    .map(({ part }) => part);
}

function replacePart(token: string, index: number, part: string): string {
  return token
    .split(".")
    .map((old, at) => (at === index ? part : old))
    .join(".");
}

/** Sets or removes a member in the JSON of a part, and leaves the signature alone. */
function changeMember(token: string, index: number, name: string, random: Random): string {
  const part = token.split(".")[index] ?? "";
  try {
    const members = JSON.parse(Buffer.from(part, "base64url").toString());
    if (random(0, 4) === 0) delete members[name];
    else members[name] = pick(VALUES, random);
    return replacePart(token, index, Buffer.from(JSON.stringify(members)).toString("base64url"));
  } catch {
    return replacePart(token, index, `${part}A`);
  }
}
