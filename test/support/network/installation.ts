import { randomBytes } from "node:crypto";
import { copyFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { ExecutionContext } from "ava";
import { stringify } from "yaml";
import { tempFolder } from "../files/temp.ts";
import { type NatsServer, startNats } from "../nats/nats-server.ts";
import { type ServiceProcess, spawnService } from "../service/service-process.ts";
import { type Authority, createAuthority, type Issued, writeIssued } from "../tls/certificates.ts";
import { waitUntil } from "../wait-until.ts";
import type { Machine } from "./machines.ts";

/** The name of every replica in its certificate. */
export const SERVER_NAME = "signet.test";

/** A rotation that is asked for is safe a few seconds after the one before. */
const ROTATION = {
  period: "1h",
  verifier_cache: "1s",
  propagation: "500ms",
  stop_using: "500ms",
  clock_skew: "500ms",
  activation_delay: "1s",
};

/** Three replicas of Signet over a cluster of three NATS servers, all of it over TLS, each on a machine of its own. */
export interface Installation {
  /** As `10.77.0.4:50051`. */
  readonly addresses: readonly string[];
  readonly natsUrls: string;
  /** The files that the replicas read, and that the test may replace. */
  readonly files: InstallationFiles;
  /** Replaces a file at once, as operators should. */
  replace(path: string, content: string): Promise<void>;
  /** Writes a new certificate of this CA for each replica. */
  issueServers(authority: Authority): Promise<void>;
  /** Gives the NATS servers certificates of another CA, which the replicas trust before, and alone after that. */
  exchangeNatsAuthority(): Promise<void>;
  /** Gives the users of NATS new passwords, first on the replicas and then on the servers. */
  exchangePasswords(): Promise<void>;
  /** Resolves when each replica has logged the event more often than it had when `before` was taken. */
  logged(event: string, before: readonly number[]): Promise<void>;
  counts(event: string): readonly number[];
}

interface InstallationFiles {
  readonly clientCa: string;
  readonly policy: string;
  readonly natsCa: string;
  readonly auditorUser: string;
  readonly auditorPassword: string;
}

interface Places {
  readonly nats: readonly Machine[];
  readonly signet: readonly Machine[];
}

/** `settings` are those of the configuration that the test adds, such as issuers of tokens. */
export async function startInstallation(
  t: ExecutionContext,
  places: Places,
  { clientCa, policy, settings }: { clientCa: Authority; policy: string; settings: object },
): Promise<Installation> {
  const folder = await tempFolder(t);
  const files: InstallationFiles & { signetPassword: string; passwords: string } = {
    clientCa: join(folder, "client-ca.crt"),
    policy: join(folder, "policy.yaml"),
    natsCa: join(folder, "nats-ca.crt"),
    auditorUser: join(folder, "auditor.user"),
    auditorPassword: join(folder, "auditor.password"),
    signetPassword: join(folder, "signet.password"),
    passwords: join(folder, "passwords.conf"),
  };
  const natsAuthority = await createAuthority("NATS");
  const kek = join(folder, "kek");
  await writeSecret(kek, randomBytes(32).toString("base64url"));
  await writeSecret(join(folder, "signet.user"), "signet");
  await writeSecret(files.auditorUser, "auditor");
  await writeFile(files.clientCa, clientCa.cert);
  await writeFile(files.policy, policy);
  await writeFile(files.natsCa, natsAuthority.cert);
  await copyFile("examples/nats/accounts.conf", join(folder, "accounts.conf"));
  await writePasswords(randomBytes(16).toString("hex"));

  const natsUrls = places.nats.map(({ address }) => `tls://${address}:4222`).join();
  const servers = await Promise.all(places.nats.map((machine, at) => startNode(machine, at)));
  await issueServers(clientCa);
  const replicas = await Promise.all(places.signet.map((machine, at) => startReplica(machine, at)));
  const addresses = places.signet.map(({ address }) => `${address}:50051`);

  async function startNode(machine: Machine, at: number): Promise<NatsServer> {
    const name = `nats-${at}`;
    await writeNode(natsAuthority, at);
    const [cert, key] = [join(folder, `${name}.crt`), join(folder, `${name}.key`)];
    const routes = places.nats.map(({ address }) => `nats://${address}:6222`).join(", ");
    const config = join(folder, `${name}.conf`);
    await writeFile(
      config,
      `server_name: ${name}
include ./accounts.conf
tls { cert_file: "${cert}", key_file: "${key}" }
cluster {
  name: test, listen: "${machine.address}:6222", routes: [${routes}]
  tls { cert_file: "${cert}", key_file: "${key}", ca_file: "${files.natsCa}" }
}\n`,
    );
    return startNats(t, { machine, port: 4222, flags: ["-c", config] });
  }

  async function startReplica(machine: Machine, at: number): Promise<ServiceProcess> {
    const config = join(folder, `signet-${at}.yaml`);
    const shared = {
      issuer: "https://signet.test",
      access: { policy: files.policy },
      nats: {
        url: natsUrls,
        tls: { ca: files.natsCa },
        user_file: join(folder, "signet.user"),
        password_file: files.signetPassword,
        replicas: 3,
      },
      state: { store: "nats", first_start: true },
      kek: { file: kek },
      rotation: ROTATION,
      grpc: {
        tls: {
          source: "files",
          cert: join(folder, `signet-${at}.crt`),
          key: join(folder, `signet-${at}.key`),
          client_ca: files.clientCa,
        },
      },
    };
    await writeFile(config, stringify({ ...shared, ...settings }), { mode: 0o600 });
    return spawnService(t, {
      data: await tempFolder(t),
      args: ["serve", "--config", config],
      under: machine.under,
      env: {
        SIGNET_GRPC_ADDRESS: `${machine.address}:50051`,
        SIGNET_NATS_URL: natsUrls,
      },
    });
  }

  async function issueServers(authority: Authority): Promise<void> {
    for (const [at] of places.signet.entries())
      await writePair(`signet-${at}`, await authority.issue({ names: [["dns", SERVER_NAME]], usages: ["server"] }));
  }

  async function writeNode(authority: Authority, at: number): Promise<void> {
    const address = places.nats[at]?.address ?? "";
    await writePair(`nats-${at}`, await authority.issue({ names: [["ip", address]] }));
  }

  function writePair(name: string, pair: Issued): Promise<Issued> {
    return writeIssued(folder, name, pair);
  }

  async function writePasswords(password: string): Promise<void> {
    await writeSecret(files.signetPassword, password);
    await writeSecret(files.auditorPassword, `${password}-auditor`);
    const lines = [
      `SIGNET_PASSWORD: "${password}"`,
      `AUDITOR_PASSWORD: "${password}-auditor"`,
      `ARCHIVER_PASSWORD: "${password}-archiver"`,
    ];
    await writeSecret(files.passwords, `${lines.join("\n")}\n`);
  }

  const counts = (event: string) => replicas.map(({ log }) => log.filter((line) => line.event === event).length);
  const logged = (event: string, before: readonly number[]) =>
    waitUntil(`each replica logs ${event}`, () => counts(event).every((count, at) => count > (before[at] ?? 0)));
  return {
    ...{ addresses, natsUrls, files, replace, issueServers, counts, logged },
    async exchangeNatsAuthority() {
      const next = await createAuthority("NATS");
      const before = counts("store.renewed");
      await replace(files.natsCa, [natsAuthority.cert, next.cert].join("\n"));
      await logged("store.renewed", before);
      for (const [at] of places.nats.entries()) await writeNode(next, at);
      for (const server of servers) await server.reload();
      const between = counts("store.renewed");
      await replace(files.natsCa, next.cert);
      await logged("store.renewed", between);
    },
    async exchangePasswords() {
      await writePasswords(randomBytes(16).toString("hex"));
      for (const server of servers) await server.reload();
    },
  };
}

async function replace(path: string, content: string): Promise<void> {
  await writeFile(`${path}.new`, content, { mode: 0o600 });
  await rename(`${path}.new`, path);
}

async function writeSecret(path: string, content: string): Promise<void> {
  await writeFile(path, content, { mode: 0o600 });
}
