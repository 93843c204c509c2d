import type { MacAlgorithm } from "../model.ts";
import { isPrivatePem, publicKind } from "./public-text.ts";

/** RFC 7518, 3.2: a key is at least as long as the hash. */
const LEAST_BYTES: Readonly<Record<MacAlgorithm, number>> = { HS256: 32, HS384: 48, HS512: 64 };
/** The probability that 32 random bytes have fewer different values is below 2^-130. */
const LEAST_DIFFERENT = 8;

/** Words from documentation and templates, as letters and digits only. No random secret contains one by chance. */
const PLACEHOLDER = new RegExp(
  "secretkey|accesskey|privatekey|signingkey|apikey|bitsecret|yoursecret|mysecret|secrethere|keyhere|changeme|" +
    "changethis|replaceme|replacethis|placeholder|insertyour|password|example|donotuse|notforproduction|^secret$|" +
    "jwtsecret|jwttoken|stringsecret|supersecret|verysecret|topsecret|sharedsecret|secretthatis|thissecret|" +
    "djangoinsecure|reallyverysafe|atleast[0-9]+(?:bit|char|byte)|[0-9]+(?:bits|characters|bytes)long",
);

/**
 * Secrets that well-known pages publish and that no word above gives away, as letters and digits in lower case. Each is
 * in thousands of public repositories, and in every list that attackers try.
 */
const PUBLISHED: readonly string[] = [
  // RFC 7515, A.1, and RFC 7520, 3.5.
  "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow",
  "hJtXIZ2uSN5kbQfbtTNWbpdmhkV8FJG-Onbc6mxCcYg",
  // The documentation of FastAPI, Flask and Hasura, and the default of Nhost's development environment.
  "09d25e094faa6ca2556c818166b7a9563b93f7099f6f0f4caa6cf63b88e8d3e7",
  "192b9bdd22ab9ed4d12e236c78afcb9a393ec15f71bbf5dc987d54727823bcbf",
  "3EK6FD+o0+c7tzBNVfjpMkNDi2yARAAKzQlk8O2IKoxQu4nF7EdAh8s3TwpHwrdWT6R",
  "0f987876650b4a085e64594fae9219e7781b17506bec02489ad061fba8cb22db",
  // Tutorials for Spring and ASP.NET, and the head of the list of Wallarm.
  "404E635266556A586E3272357538782F413F4428472B4B6250645367566B5970",
  "IxrAjDoa2FqElO7IhrSrUJELhUckePEPVpaePlS_Xaw",
  "401b09eab3c013d4ca54922bb802bec8fd5318192b0a75f201d8b3727429090fb337591abd3e44453b954555b7a0812e1081c39b740293f765eae731f5a65ed1",
  "r9iMKoe5CRMgvJBBtp4HrqN7QiPpUToj",
  "0a6b944d-d2fb-46fc-a85e-0295c986cd9f",
  "16f8c0ef4a5d391b26034086c628469d3f9f497f08163ab9b40137092f2909ef",
].map(lettersOf);

/**
 * Why a secret should not be used, as the end of a sentence that begins with "it", or undefined. With one token an
 * attacker can try millions of secrets a second offline: a text that can be guessed or looked up is not a secret.
 */
export function weakness(text: string, bytes: Buffer, alg: MacAlgorithm): string | undefined {
  const readings = readingsOf(text, bytes);
  if (readings.some(isPrivatePem)) return "is a private key in PEM, which has an algorithm of its own";
  if (readings.some((reading) => PLACEHOLDER.test(lettersOf(reading.toString("latin1")))))
    return "looks like a placeholder";
  if (readings.some(isPublished)) return "is a sample that a well-known page publishes";
  for (const reading of readings) {
    const kind = publicKind(reading);
    if (kind !== undefined) return `${kind}: anyone who can read it could sign`;
  }
  const least = LEAST_BYTES[alg];
  if (bytes.length < least) return `has ${bytes.length} bytes, and ${alg} needs ${least} (RFC 7518, 3.2)`;
  if (new Set(bytes).size < LEAST_DIFFERENT) return `has fewer than ${LEAST_DIFFERENT} different bytes`;
  if (repeats(bytes)) return "is one piece repeated";
  return undefined;
}

/** The beginnings of the thumbprints of private keys that well-known pages publish. */
const PUBLISHED_KEYS: readonly string[] = [
  // RFC 7515, A.2 and A.3; RFC 7517, A.2; RFC 7520, 3.4; RFC 8037, A.1.
  "IsUn6_e04MaShXFI",
  "oKIywvGUpTVTyxMQ",
  "cn-I_WNMClehiVp5",
  "NzbLsXh8uDCcd-6M",
  "9jg46WB3rR_AHD-E",
  "kPrK_qmxVWaYVA9w",
  // The RSA and P-256 keys of jwt.io.
  "oGDmHqCJ7yzMkWEk",
  "19J8y7Zprt2-QKLj",
];

/** As {@link weakness}, of a private key with this thumbprint. Its length is no weakness: a short one is refused. */
export function weaknessOfPrivateKey(fingerprint: string): string | undefined {
  return PUBLISHED_KEYS.includes(fingerprint) ? "is a sample that a well-known page publishes" : undefined;
}

/**
 * The text, the bytes, and what either decodes to: a public text stays public under another encoding than the
 * profile's.
 */
function readingsOf(text: string, bytes: Buffer): readonly Buffer[] {
  const given = [Buffer.from(text), bytes];
  return [...given, ...given.flatMap((reading) => decodings(reading.toString("latin1")))];
}

/** As lenient decoders read it: white space, padding and the alphabet do not matter. */
function decodings(text: string): Buffer[] {
  const dense = text.replaceAll(/\s/g, "");
  const found: Buffer[] = [];
  if (/^(?:[0-9a-f]{2})+$/i.test(dense)) found.push(Buffer.from(dense, "hex"));
  if (/^[\w+/-]+=*$/.test(dense)) found.push(Buffer.from(dense, "base64"));
  return found;
}

/** Whether the bytes are a published sample, in the form of its page or decoded from it. */
function isPublished(bytes: Buffer): boolean {
  const forms = (["latin1", "hex", "base64"] as const).map((encoding) => lettersOf(bytes.toString(encoding)));
  return PUBLISHED.some((sample) => forms.some((form) => form.includes(sample)));
}

function lettersOf(text: string): string {
  return text.toLowerCase().replaceAll(/[^a-z0-9]/g, "");
}

/** Whether the bytes are one piece repeated to their end, at least twice in full. */
function repeats(bytes: Buffer): boolean {
  for (let period = 1; period <= bytes.length / 2; period += 1)
    if (bytes.subarray(period).equals(bytes.subarray(0, -period))) return true;
  return false;
}
