import { createHash, generateKeyPairSync, type KeyObject } from "node:crypto";
import { foreignToken, testKey } from "./foreign-token.ts";

/** A self-signed certificate of P-256. */
export const CERTIFICATE = `-----BEGIN CERTIFICATE-----
MIIBhTCCASugAwIBAgIUOHVMN/Dzl7rEpABAVPA+taUliwkwCgYIKoZIzj0EAwIw
FzEVMBMGA1UEAwwMdGVzdC5pbnZhbGlkMCAXDTI2MTEyODIwMzQwMloYDzIxMjYx
MTA0MjAzNDAyWjAXMRUwEwYDVQQDDAx0ZXN0LmludmFsaWQwWTATBgcqhkjOPQIB
BggqhkjOPQMBBwNCAAT7dwV5O5X2C9Y3ozEjJApRA40/3LBS9Ii7lZ6t0ze7vXib
kT3FMTQ/shHYgYu7fORp635G1EbXXYce/Y7hfRXMo1MwUTAdBgNVHQ4EFgQUaWLX
zTrkFFwYMlNAFd2tKJDM/0gwHwYDVR0jBBgwFoAUaWLXzTrkFFwYMlNAFd2tKJDM
/0gwDwYDVR0TAQH/BAUwAwEB/zAKBggqhkjOPQQDAgNIADBFAiEAiVM4RPT/jKGg
1Njd9A/DnTpTAR9M22fY2Ty8346abNwCICCTBArfmup8bSmBBxKYcQqeq6lJZ2c/
7l65rFB3uK/k
-----END CERTIFICATE-----
`;

/** A token that anyone may hold. */
export const TOKEN = foreignToken({ alg: "HS256", typ: "JWT" }, { sub: "ada" }, testKey("public"));

const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 }).publicKey;
const ec = generateKeyPairSync("ec", { namedCurve: "P-256" }).publicKey;
const ed = generateKeyPairSync("ed25519").publicKey;

const jwk = (key: KeyObject) => JSON.stringify(key.export({ format: "jwk" }));
const pem = (key: KeyObject) => Buffer.from(key.export({ type: "spki", format: "pem" }));
const spki = (key: KeyObject) => key.export({ type: "spki", format: "der" });

/** RFC 4251, 5: strings with their length. */
const sshBytes = (...parts: (string | Buffer)[]) =>
  Buffer.concat(
    parts.flatMap((part) => {
      const length = Buffer.alloc(4);
      length.writeUInt32BE(Buffer.byteLength(part));
      return [length, Buffer.from(part)];
    }),
  );

const x = Buffer.from(ed.export({ format: "jwk" }).x ?? "", "base64url");
const point = spki(ec).subarray(-65);
const edSsh = sshBytes("ssh-ed25519", x);
const ecSsh = sshBytes("ecdsa-sha2-nistp256", "nistp256", point);
const der = Buffer.from(CERTIFICATE.split("\n").slice(1, -2).join(""), "base64");

/** Public keys, certificates and tokens in the forms that may be mistaken for a secret. */
export const PUBLIC_TEXTS: readonly (readonly [what: string, bytes: Buffer])[] = [
  ...(
    [
      ["RSA", rsa],
      ["P-256", ec],
      ["Ed25519", ed],
    ] as const
  ).flatMap(
    ([name, key]) =>
      [
        [`PEM of ${name}`, pem(key)],
        [`DER of ${name}`, spki(key)],
        [`JWK of ${name}`, Buffer.from(jwk(key))],
      ] as const,
  ),
  ["PEM of RSA in PKCS #1", Buffer.from(rsa.export({ type: "pkcs1", format: "pem" }))],
  ["DER of RSA in PKCS #1", rsa.export({ type: "pkcs1", format: "der" })],
  ["a point of P-256", point],
  ["a JWK Set", Buffer.from(`{"keys":[${jwk(ed)},\n${jwk(ec)}]}`)],
  ["a certificate in PEM", Buffer.from(CERTIFICATE)],
  ["a certificate in DER", der],
  ["a public key of SSH", Buffer.from(`ssh-ed25519 ${edSsh.toString("base64")} ada@host\n`)],
  ["a key of SSH with options", Buffer.from(`no-pty ecdsa-sha2-nistp256 ${ecSsh.toString("base64")}`)],
  ["the bytes of an SSH key", edSsh],
  ["the bytes of an SSH key of P-256", ecSsh],
  ["an SSH key in RFC 4716", Buffer.from(`---- BEGIN SSH2 PUBLIC KEY ----\n${edSsh.toString("base64")}\n`)],
  ["a token", Buffer.from(TOKEN)],
  ["an unsigned token", Buffer.from(`${Buffer.from('{"alg":"none"}').toString("base64url")}.e30.`)],
  ["the header of a token", Buffer.from(`{"alg":"HS256","x":"${createHash("sha256").digest("hex")}"}`)],
];
