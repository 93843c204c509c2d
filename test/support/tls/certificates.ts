import "reflect-metadata";
import { webcrypto } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  type Extension,
  type GeneralNameType,
  KeyUsageFlags,
  KeyUsagesExtension,
  PemConverter,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  type X509Certificate,
  X509CertificateGenerator,
} from "@peculiar/x509";
import { recordSecret } from "../leaks/record.ts";

const KEYS = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
const WEAK_KEYS = {
  name: "RSASSA-PKCS1-v1_5",
  hash: "SHA-256",
  publicExponent: new Uint8Array([1, 0, 1]),
  modulusLength: 1024,
};
const DAY_MS = 86_400_000;

/** A subject alternative name, as `["url", "spiffe://example.org/a"]`, `["dns", "localhost"]` or `["ip", "127.0.0.1"]`. */
type AlternativeName = readonly [type: GeneralNameType, value: string];

/** A certificate, followed by those of the CAs below the root, and its private key, in PEM. */
export interface Issued {
  readonly cert: string;
  readonly key: string;
}

interface Validity {
  /** By default yesterday. */
  readonly notBefore?: Date;
  /** By default tomorrow. */
  readonly notAfter?: Date;
}

interface RootOptions extends Validity {
  /** By default none. */
  readonly names?: readonly AlternativeName[];
}

export interface LeafOptions extends Validity {
  /** By default none. */
  readonly names?: readonly AlternativeName[];
  /** An RSA key that OpenSSL takes for too short. */
  readonly isWeak?: boolean;
  /** The common name. */
  readonly subject?: string;
  /** By default both. An empty list leaves the extension out. */
  readonly usages?: readonly ("server" | "client")[];
  /** By default false: what an X.509-SVID of a workload must say. */
  readonly isAuthority?: boolean;
  /** By default digitalSignature alone. An empty list leaves the extension out. */
  readonly keyUsages?: readonly (keyof typeof KeyUsageFlags)[];
}

/** A certificate authority in memory, with a new key (ECDSA P-256) for each certificate. */
export interface Authority extends Issued {
  issue(options?: LeafOptions): Promise<Issued>;
  /** A CA below this one: what it issues comes with its certificate. */
  subordinate(name: string, validity?: Validity): Promise<Authority>;
}

const EXTENDED = { server: ExtendedKeyUsage.serverAuth, client: ExtendedKeyUsage.clientAuth } as const;

/** The names of a server on this machine. */
const LOCAL_NAMES: readonly AlternativeName[] = [
  ["dns", "localhost"],
  ["ip", "127.0.0.1"],
  ["ip", "::1"],
];

export async function createAuthority(name = "Test CA", options: RootOptions = {}): Promise<Authority> {
  const keys = await newKeys(KEYS);
  const root = await X509CertificateGenerator.createSelfSigned({
    name: `CN=${name}`,
    keys,
    signingAlgorithm: KEYS,
    ...timesOf(options),
    extensions: [...(await extensionsOfAuthority(keys.publicKey)), ...alternativeNames(options.names)],
  });
  return await authorityWith(root, keys, []);
}

async function authorityWith(
  certificate: X509Certificate,
  keys: webcrypto.CryptoKeyPair,
  intermediates: readonly X509Certificate[],
): Promise<Authority> {
  const signer = { issuer: certificate.subject, signingKey: keys.privateKey, signingAlgorithm: KEYS };
  const inPem = (own: X509Certificate) => [own, ...intermediates].map((each) => `${each.toString("pem")}\n`).join("");

  async function issue(options: LeafOptions = {}): Promise<Issued> {
    const { names, usages = ["server", "client"], isAuthority = false, subject = "test" } = options;
    const { keyUsages = ["digitalSignature"] } = options;
    const leaf = await newKeys(options.isWeak ? WEAK_KEYS : KEYS);
    const issued = await X509CertificateGenerator.create({
      ...signer,
      subject: [{ CN: [subject] }],
      publicKey: leaf.publicKey,
      ...timesOf(options),
      extensions: [
        new BasicConstraintsExtension(isAuthority, undefined, true),
        ...(keyUsages.length === 0 ? [] : [new KeyUsagesExtension(flagsOf(keyUsages), true)]),
        await AuthorityKeyIdentifierExtension.create(keys.publicKey),
        ...(usages.length === 0 ? [] : [new ExtendedKeyUsageExtension(usages.map((usage) => EXTENDED[usage]))]),
        ...alternativeNames(names),
      ],
    });
    return { cert: inPem(issued), key: await pemOf(leaf.privateKey) };
  }

  async function subordinate(name: string, validity: Validity = {}): Promise<Authority> {
    const own = await newKeys(KEYS);
    const extensions = await extensionsOfAuthority(own.publicKey);
    const issued = await X509CertificateGenerator.create({
      ...{ ...signer, ...timesOf(validity), extensions },
      subject: `CN=${name}`,
      publicKey: own.publicKey,
    });
    return await authorityWith(issued, own, [issued, ...intermediates]);
  }

  return { cert: certificate.toString("pem"), key: await pemOf(keys.privateKey), issue, subordinate };
}

/** Without names the extension is left out. */
function alternativeNames(names: readonly AlternativeName[] = []): Extension[] {
  return names.length === 0
    ? []
    : [new SubjectAlternativeNameExtension(names.map(([type, value]) => ({ type, value })))];
}

async function extensionsOfAuthority(publicKey: webcrypto.CryptoKey): Promise<Extension[]> {
  return [
    new BasicConstraintsExtension(true, undefined, true),
    new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
    await SubjectKeyIdentifierExtension.create(publicKey),
  ];
}

/** A certificate for a server on this machine. */
export function serverCertificate(authority: Authority, options: LeafOptions = {}): Promise<Issued> {
  return authority.issue({ names: LOCAL_NAMES, usages: ["server"], ...options });
}

/** A certificate for a caller with these names, by default `spiffe://example.org/a`. */
export function clientCertificate(authority: Authority, options: LeafOptions = {}): Promise<Issued> {
  return authority.issue({ names: [["url", "spiffe://example.org/a"]], usages: ["client"], ...options });
}

/** Writes NAME.crt, and NAME.key with mode 0600, into a folder. Resolves with their paths. */
export async function writeIssued(folder: string, name: string, { cert, key }: Issued): Promise<Issued> {
  const paths = { cert: join(folder, `${name}.crt`), key: join(folder, `${name}.key`) };
  await writeFile(paths.cert, cert);
  await writeFile(paths.key, key, { mode: 0o600 });
  return paths;
}

function flagsOf(usages: readonly (keyof typeof KeyUsageFlags)[]): KeyUsageFlags {
  return usages.reduce<number>((flags, usage) => flags | KeyUsageFlags[usage], 0);
}

function timesOf({ notBefore, notAfter }: Validity): Required<Validity> {
  return {
    notBefore: notBefore ?? new Date(Date.now() - DAY_MS),
    notAfter: notAfter ?? new Date(Date.now() + DAY_MS),
  };
}

async function newKeys(algorithm: typeof KEYS | typeof WEAK_KEYS): Promise<webcrypto.CryptoKeyPair> {
  return (await webcrypto.subtle.generateKey(algorithm, true, ["sign", "verify"])) as webcrypto.CryptoKeyPair;
}

async function pemOf(key: webcrypto.CryptoKey): Promise<string> {
  const pkcs8 = await webcrypto.subtle.exportKey("pkcs8", key);
  recordSecret("key", new Uint8Array(pkcs8));
  return PemConverter.encode(pkcs8, "PRIVATE KEY");
}
