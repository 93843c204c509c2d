// The decorators of the library need it, before the library itself.
import "reflect-metadata";
import { webcrypto } from "node:crypto";
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  type GeneralNameType,
  KeyUsageFlags,
  KeyUsagesExtension,
  PemConverter,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  X509CertificateGenerator,
} from "@peculiar/x509";

/** A certificate and its private key (PKCS #8), in PEM. */
export interface CertifiedKey {
  readonly cert: string;
  readonly key: string;
}

/** A name that a certificate proves (RFC 5280, 4.2.1.6). A SPIFFE ID is a `url`. */
export interface AlternativeName {
  readonly type: GeneralNameType & ("dns" | "ip" | "url");
  readonly value: string;
}

interface Validity {
  readonly notBefore: Date;
  readonly notAfter: Date;
}

interface Authority extends CertifiedKey {
  /** Signs a certificate of a new key, for one end of TLS connections. */
  issue(end: "server" | "client", names: readonly AlternativeName[]): Promise<CertifiedKey>;
}

/** Every TLS library verifies it. */
const KEYS = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
const USAGE = { server: ExtendedKeyUsage.serverAuth, client: ExtendedKeyUsage.clientAuth } as const;

/** Makes a certificate authority of a new key (ECDSA P-256). All of its certificates are valid as long as its own. */
export async function createAuthority(name: string, validity: Validity): Promise<Authority> {
  const keys = await newKeys();
  const certificate = await X509CertificateGenerator.createSelfSigned({
    name: `CN=${name}`,
    keys,
    signingAlgorithm: KEYS,
    ...validity,
    extensions: [
      new BasicConstraintsExtension(true, 0, true),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
      await SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });

  async function issue(end: "server" | "client", names: readonly AlternativeName[]): Promise<CertifiedKey> {
    const own = await newKeys();
    const issued = await X509CertificateGenerator.create({
      subject: `CN=${name} ${end}`,
      issuer: certificate.subject,
      publicKey: own.publicKey,
      signingKey: keys.privateKey,
      signingAlgorithm: KEYS,
      ...validity,
      extensions: [
        new BasicConstraintsExtension(false, undefined, true),
        new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
        new ExtendedKeyUsageExtension([USAGE[end]]),
        await AuthorityKeyIdentifierExtension.create(keys.publicKey),
        new SubjectAlternativeNameExtension([...names]),
      ],
    });
    return { cert: issued.toString("pem"), key: await pemOf(own.privateKey) };
  }

  return { cert: certificate.toString("pem"), key: await pemOf(keys.privateKey), issue };
}

async function newKeys(): Promise<webcrypto.CryptoKeyPair> {
  return (await webcrypto.subtle.generateKey(KEYS, true, ["sign", "verify"])) as webcrypto.CryptoKeyPair;
}

async function pemOf(key: webcrypto.CryptoKey): Promise<string> {
  return PemConverter.encode(await webcrypto.subtle.exportKey("pkcs8", key), "PRIVATE KEY");
}
