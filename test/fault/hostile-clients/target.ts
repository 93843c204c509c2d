import { fork } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { type ChannelCredentials, credentials, Metadata } from "@grpc/grpc-js";
import type { ExecutionContext } from "ava";
import type { TlsFiles } from "../../../bench/client/job.ts";
import { TokenServiceClient, VerifyTokenRequest, type VerifyTokenResponse } from "../../../src/gen/signet/v1/token.ts";
import { tempFolder } from "../../support/files/temp.ts";
import { get } from "../../support/service/get.ts";
import { type RemoteService, startRemote } from "../../support/service/remote-service.ts";
import { issue, promised } from "../../support/service/service.ts";
import { clientCertificate, writeIssued } from "../../support/tls/certificates.ts";
import { tlsFiles } from "../../support/tls/tls-files.ts";
import { CALLER, clientsWith, grpcTlsEnv, OWN_CONNECTION } from "../../support/tls/tls-service.ts";
import type { AttackerJob } from "./attacker.ts";
import type { AttackName, Intruder } from "./every-attack.ts";
import type { FloodJob } from "./flood.ts";

/** A service in a process of its own, its honest clients, and those that disturb them. */
export interface Target {
  readonly service: RemoteService;
  /** A client that keeps its connection. */
  readonly kept: TokenServiceClient;
  /** A client with a connection of its own, which the caller closes. */
  connect(): TokenServiceClient;
  /** Rejects unless a good token is valid. How long that takes is up to the network. */
  verify(client: TokenServiceClient): Promise<void>;
  /** A metric of the service, 0 if there is none. */
  metric(name: string): Promise<number>;
  /** Starts the attack, in a process of its own. */
  attack(name: AttackName): Promise<Disturbance>;
  /** Starts honest calls on so many connections, sixteen at once on each, from a process of its own. */
  flood(connections: number): Promise<Disturbance>;
}

export interface Disturbance {
  /** Rejects when its process has already ended. */
  end(): Promise<void>;
}

/** A listener, and what its honest clients and its attacker show it. */
interface Front {
  readonly env: Record<string, string>;
  readonly channel: ChannelCredentials;
  readonly honest: TlsFiles | undefined;
  readonly intruder: AttackerJob["tls"];
}

const LOCAL: Front = { env: {}, channel: credentials.createInsecure(), honest: undefined, intruder: undefined };

export async function startTarget(
  t: ExecutionContext<unknown>,
  intruder: Intruder,
  env: Record<string, string> = {},
): Promise<Target> {
  const front = intruder === "local" ? LOCAL : await frontWithTls(t, intruder);
  const service = await startRemote(t, { env: { ...front.env, ...env } });
  const { grpc: address } = service.process;
  const clients = clientsWith(t, address, front.channel);
  const { token } = await issue(clients);
  // A handshake may take longer than the service allows, where the machine is busy: it is made again.
  const metadata = new Metadata({ waitForReady: front.honest !== undefined });
  const credential = { $case: "token", value: token } as const;
  const request = VerifyTokenRequest.fromPartial({ profile: "service", audience: "api", credential });
  return {
    service,
    kept: clients.tokens,
    connect: () => new TokenServiceClient(address, front.channel, OWN_CONNECTION),
    async verify(client) {
      const { valid, rejection } = await promised<VerifyTokenRequest, VerifyTokenResponse>(
        (asked, _, options, callback) => client.verifyToken(asked, metadata, options, callback),
        request,
      );
      if (!valid) throw new Error(`a good token is rejected: ${rejection?.message}`);
    },
    async metric(name) {
      const text = await (await get(`${service.url}/metrics`)).text();
      const line = text.split("\n").find((each) => each.startsWith(`${name} `));
      return Number(line?.split(" ").at(-1) ?? 0);
    },
    attack(name) {
      const port = Number(address.slice(address.lastIndexOf(":") + 1));
      const job: AttackerJob = { attack: name, port, tls: front.intruder };
      return startDisturbance(t, "attacker.ts", job);
    },
    flood(connections) {
      const job: FloodJob = { address, tls: front.honest, token, connections };
      return startDisturbance(t, "flood.ts", job);
    },
  };
}

async function frontWithTls(t: ExecutionContext<unknown>, intruder: Exclude<Intruder, "local">): Promise<Front> {
  const files = await tlsFiles(t as ExecutionContext);
  const env = await grpcTlsEnv(t as ExecutionContext, files);
  const folder = await tempFolder(t);
  const certified = async (file: string, name: string) =>
    await writeIssued(folder, file, await clientCertificate(files.authority, { names: [["url", name]] }));
  const honest = { ca: files.clientCa, ...(await certified("honest", CALLER)) };
  const [ca, key, cert] = [honest.ca, honest.key, honest.cert].map((path) => readFileSync(path));
  return {
    env,
    channel: credentials.createSsl(ca, key, cert),
    honest,
    intruder: intruder === "unproven" ? {} : await certified("intruder", "spiffe://example.org/unlisted"),
  };
}

/** Resolves once the program is ready. */
async function startDisturbance(t: ExecutionContext<unknown>, program: string, job: object): Promise<Disturbance> {
  const child = fork(fileURLToPath(new URL(program, import.meta.url)), [JSON.stringify(job)]);
  t.teardown(() => child.kill("SIGKILL"));
  await once(child, "message");
  return {
    async end() {
      if (child.exitCode !== null) throw new Error(`${program} has ended with ${child.exitCode}`);
      child.kill("SIGKILL");
      await once(child, "exit");
    },
  };
}
