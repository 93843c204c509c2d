import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { ExecutionContext } from "ava";
import { nkeys } from "nats";
import type { NatsAccess, NatsFile } from "../../../src/nats/access.ts";
import { tempFolder } from "../files/temp.ts";
import { recordSecret } from "../leaks/record.ts";
import { secretParts } from "../leaks/secret-parts.ts";
import {
  type Authority,
  createAuthority,
  type LeafOptions,
  serverCertificate,
  writeIssued,
} from "../tls/certificates.ts";
import { type NatsServer, startNats } from "./nats-server.ts";

/** A nats-server that speaks TLS only. */
export interface SecureNats extends NatsServer {
  /** Of the server's certificate, and of those that it takes from clients. */
  readonly authority: Authority;
  /** The file with the CA. */
  readonly ca: string;
  /** Replaces what its configuration says of users and accounts. */
  exchangeUsers(users: string): Promise<void>;
}

/**
 * Starts a nats-server for this test that speaks TLS only. `users` is the part of its configuration about users and
 * accounts. With `verify` it demands a certificate of each client.
 */
export async function startSecureNats(
  t: ExecutionContext,
  options: {
    readonly users?: string;
    readonly verify?: boolean;
    readonly leaf?: LeafOptions;
    readonly jetstream?: boolean;
    /** By default a new one. */
    readonly authority?: Authority;
  } = {},
): Promise<SecureNats> {
  const folder = await tempFolder(t);
  const authority = options.authority ?? (await createAuthority());
  const ca = join(folder, "ca.crt");
  await writeFile(ca, authority.cert);
  const { cert, key } = await writeIssued(folder, "server", await serverCertificate(authority, options.leaf));
  const file = join(folder, "nats.conf");
  const write = (users: string) =>
    writeFile(
      file,
      // A busy machine takes longer than the two seconds in which the server wants a handshake by default.
      `tls { cert_file: "${cert}", key_file: "${key}", ca_file: "${ca}", verify: ${options.verify ?? false}, timeout: 60 }\n${users}\n`,
    );
  await write(options.users ?? "");
  const server = await startNats(t, { jetstream: options.jetstream ?? true, flags: ["-c", file] });
  return {
    ...server,
    authority,
    ca,
    async exchangeUsers(users) {
      await write(users);
      await server.reload();
    },
  };
}

/** How a server is reached with these files. */
export function accessWith(
  { url }: Pick<NatsServer, "url">,
  files: Partial<Record<NatsFile, string>>,
  servers: readonly string[] = [url],
): NatsAccess {
  const isSecret = (name: string) => !["ca", "cert"].includes(name);
  const watched = Object.entries(files).map(([name, path]) => [name, { path, isSecret: isSecret(name) }]);
  return { servers, tls: files.ca !== undefined, files: Object.fromEntries(watched) };
}

/** Writes a file with a secret. Resolves with its path. */
export async function secretFile(folder: string, name: string, content: string): Promise<string> {
  const path = join(folder, name);
  for (const part of secretParts(content)) recordSecret("credential", part);
  await writeFile(path, content, { mode: 0o600 });
  return path;
}

/** An operator with one account, and a user of it: what `nsc` would write. */
export function operatorMode(user: { readonly exp?: number } = {}): {
  readonly config: string;
  readonly creds: string;
} {
  const [operator, account, own] = [nkeys.createOperator(), nkeys.createAccount(), nkeys.createUser()];
  const accountKey = account.getPublicKey();
  const unlimited = { subs: -1, data: -1, payload: -1 };
  const limits = { ...unlimited, imports: -1, exports: -1, wildcards: true, conn: -1, leaf: -1, mem_storage: -1 };
  const operatorJwt = jwt(operator, operator.getPublicKey(), { type: "operator", version: 2 });
  const accountJwt = jwt(operator, accountKey, {
    type: "account",
    version: 2,
    limits: { ...limits, disk_storage: -1, streams: -1, consumer: -1 },
  });
  const userJwt = jwt(account, own.getPublicKey(), { type: "user", version: 2, pub: {}, sub: {}, ...unlimited }, user);
  const seed = Buffer.from(own.getSeed()).toString();
  recordSecret("credential", seed);
  return {
    config: `operator: ${operatorJwt}\nresolver: MEMORY\nresolver_preload: { ${accountKey}: ${accountJwt} }`,
    creds: [
      "-----BEGIN NATS USER JWT-----",
      userJwt,
      "------END NATS USER JWT------",
      "",
      "-----BEGIN USER NKEY SEED-----",
      seed,
      "------END USER NKEY SEED------",
      "",
    ].join("\n"),
  };
}

function jwt(issuer: ReturnType<typeof nkeys.createUser>, sub: string, nats: object, more: object = {}): string {
  const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const claims = { jti: "id", iat: Math.floor(Date.now() / 1000), iss: issuer.getPublicKey(), name: "test", sub, nats };
  const input = `${encode({ typ: "JWT", alg: "ed25519-nkey" })}.${encode({ ...claims, ...more })}`;
  return `${input}.${Buffer.from(issuer.sign(Buffer.from(input))).toString("base64url")}`;
}
