import test from "ava";
import { readVendorKey } from "../../src/key-admin/private-key-text.ts";

const block = (label: string, body = "AAAA") => `-----BEGIN ${label}-----\n${body}\n-----END ${label}-----\n`;
const KEY = block("PRIVATE KEY");

for (const [what, text] of [
  ["alone", KEY],
  ["with a comment before it", `Bag Attributes\n    friendlyName: acme\n${KEY}`],
  ["after the parameters that openssl ecparam writes", block("EC PARAMETERS") + KEY],
  ["before its certificate", KEY + block("CERTIFICATE")],
  ["with the line ends of Windows", KEY.replaceAll("\n", "\r\n")],
] as const)
  test(`the private key is found in PEM ${what}`, (t) => {
    const found = readVendorKey(text, "ES256");
    t.like(found, { form: "pem" });
    t.regex(
      typeof found === "string" || found.form === "jwk" ? "" : found.pem,
      /^-+BEGIN PRIVATE KEY-+\r?\nAAAA\r?\n-+END/,
    );
  });

for (const [what, text, rule] of [
  ["nothing", "", /^must be a private key in PEM/],
  ["a form of OpenSSH", block("OPENSSH PRIVATE KEY"), /^must be a private key in PEM \(PKCS#8/],
  ["a block that does not end", KEY.slice(0, -8), /^must be a private key in PEM/],
  ["two keys", KEY + block("EC PRIVATE KEY"), /one private key alone/],
  ["an encrypted key beside another", KEY + block("ENCRYPTED PRIVATE KEY"), /^is encrypted/],
  ["line breaks that JSON has escaped", KEY.replaceAll("\n", "\\n"), /^has \\n in place of line breaks/],
  ["JSON with a fault", '{"kty":"OKP",', /has a fault/],
  ["a member that comes twice", '{"kty":"OKP","d":"AA","alg":"EdDSA","alg":"ES256"}', /comes twice/],
  ["more than two primes", '{"kty":"RSA","d":"AA","oth":[]}', /more than two primes/],
  ["a kid that is a number", '{"kty":"OKP","d":"AA","kid":1}', /has a kid that is no text/],
  ["key_ops that are no list", '{"kty":"OKP","d":"AA","key_ops":"sign"}', /key_ops without sign/],
] as const)
  test(`no private key: ${what}`, (t) => {
    const found = readVendorKey(text, "EdDSA");
    t.regex(typeof found === "string" ? found : "it is taken", rule);
  });

test("a JWK may say what it is for, in either name of EdDSA", (t) => {
  for (const alg of ["EdDSA", "Ed25519"]) {
    const jwk = { kty: "OKP", d: "AA", alg, use: "sig", key_ops: ["verify", "sign"], kid: "a.b" };
    t.deepEqual(readVendorKey(`\n ${JSON.stringify(jwk)}`, "EdDSA"), { form: "jwk", jwk, kid: "a.b" });
  }
});
