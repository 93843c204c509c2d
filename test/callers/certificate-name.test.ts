import { X509Certificate } from "node:crypto";
import test from "ava";
import { type CertificateName, nameOfCertificate } from "../../src/callers/certificate-name.ts";
import { clientCertificate, createAuthority, type LeafOptions } from "../support/tls/certificates.ts";

const authority = createAuthority();
const ID = "spiffe://example.org/a";

async function named(options: LeafOptions): Promise<CertificateName> {
  const { cert } = await clientCertificate(await authority, options);
  return nameOfCertificate(new X509Certificate(cert), new Set(["example.org", "example.net"]));
}

type Names = NonNullable<LeafOptions["names"]>;

for (const [title, names, name] of [
  ["its only URI", [["url", ID]], ID],
  [
    "its only URI beside any other names",
    [
      ["dns", "a.example.org"],
      ["url", ID],
      ["dns", "*.example.org"],
      ["ip", "10.0.0.1"],
      ["email", "a@example.org"],
    ],
    ID,
  ],
  ["its only DNS name", [["dns", "api.example.org"]], "dns:api.example.org"],
  [
    "its only DNS name beside an address",
    [
      ["ip", "10.0.0.1"],
      ["dns", "api"],
    ],
    "dns:api",
  ],
] as const satisfies readonly (readonly [string, Names, string])[])
  test(`a certificate names ${title}`, async (t) => {
    t.deepEqual(await named({ names }), { name });
  });

const NO_NAME = "has no name of a caller: a SPIFFE ID or a DNS name as subject alternative name";
const ODD = "has a subject alternative name with a character that is not allowed";
const NO_SPIFFE_ID = "has a URI as name that is not the SPIFFE ID of a workload";
const NO_HOST = "has a DNS name that is not a host name in lower case without a wildcard";

for (const [title, names, reason] of [
  ["no names", [], NO_NAME],
  [
    "an address and an email address alone",
    [
      ["ip", "10.0.0.1"],
      ["email", "a@example.org"],
    ],
    NO_NAME,
  ],
  ["an email address that looks like a URI", [["email", `URI:${ID}`]], NO_NAME],
  [
    "two URIs",
    [
      ["url", ID],
      ["url", "spiffe://example.org/b"],
    ],
    "has 2 URIs as names: exactly one is allowed",
  ],
  [
    "one URI twice",
    [
      ["url", ID],
      ["url", ID],
    ],
    "has 2 URIs as names: exactly one is allowed",
  ],
  [
    "a SPIFFE ID and another URI",
    [
      ["url", ID],
      ["url", "https://x"],
    ],
    "has 2 URIs as names: exactly one is allowed",
  ],
  ["a web address", [["url", "https://example.org/a"]], NO_SPIFFE_ID],
  [
    "a web address beside a DNS name",
    [
      ["url", "https://example.org/a"],
      ["dns", "a"],
    ],
    NO_SPIFFE_ID,
  ],
  ["the SPIFFE ID of a trust domain", [["url", "spiffe://example.org"]], NO_SPIFFE_ID],
  ["a URI with a comma and a second one", [["url", `${ID}, URI:spiffe://example.org/b`]], ODD],
  ["a URI with a NUL", [["url", `${ID}\0`]], ODD],
  ["a URI with a quote", [["url", `"${ID}"`]], ODD],
  ["a DNS name with a NUL", [["dns", "api.example.org\0.example.com"]], ODD],
  ["a DNS name with a comma", [["dns", `a, URI:${ID}`]], ODD],
  ["a directory name that looks like a URI", [["dn", `CN=x, OU=URI:${ID}`]], ODD],
  ["an empty URI", [["url", ""]], NO_SPIFFE_ID],
  ["an empty DNS name", [["dns", ""]], NO_HOST],
  [
    "two DNS names",
    [
      ["dns", "a"],
      ["dns", "b"],
    ],
    "has no URI and 2 DNS names: exactly one is allowed",
  ],
  [
    "one DNS name twice",
    [
      ["dns", "a"],
      ["dns", "a"],
    ],
    "has no URI and 2 DNS names: exactly one is allowed",
  ],
  ["a wildcard", [["dns", "*.example.org"]], NO_HOST],
  ["an upper-case DNS name", [["dns", "API.example.org"]], NO_HOST],
  ["a DNS name with a dot at its end", [["dns", "api.example.org."]], NO_HOST],
  ["a DNS name of 254 bytes", [["dns", `${"a.".repeat(126)}bb`]], NO_HOST],
  [
    "a SPIFFE ID of a trust domain that is not listed",
    [["url", "spiffe://example.com/a"]],
    "has a SPIFFE ID of a trust domain that callers.trust_domains does not list",
  ],
] as const satisfies readonly (readonly [string, Names, string])[])
  test(`a certificate names nobody with ${title}`, async (t) => {
    t.deepEqual(await named({ names }), { reason });
  });

const MAY_SIGN = { reason: "may sign other certificates or revocation lists: it is no caller's" };

test("a certificate that may sign others names nobody, although OpenSSL takes it", async (t) => {
  t.deepEqual(await named({ isAuthority: true, keyUsages: [] }), MAY_SIGN);
  t.deepEqual(await named({ isAuthority: true }), MAY_SIGN);
  t.deepEqual(await named({ keyUsages: ["digitalSignature", "keyCertSign"] }), MAY_SIGN);
  t.deepEqual(await named({ keyUsages: ["digitalSignature", "cRLSign"] }), MAY_SIGN);
  t.deepEqual(await named({ keyUsages: ["digitalSignature", "keyAgreement", "decipherOnly"] }), { name: ID });
  t.deepEqual(await named({ keyUsages: [] }), { name: ID });
});

test("a subject that looks like the extension keyUsage hides nothing", async (t) => {
  const subject = Buffer.from("0603551d0f040403020701", "hex").toString("latin1");
  t.deepEqual(await named({ subject, keyUsages: ["digitalSignature", "keyCertSign"] }), MAY_SIGN);
});
