import { readFileSync } from "node:fs";
import { type ChannelCredentials, Client, credentials, Metadata, type ServiceError, status } from "@grpc/grpc-js";
import { KeyServiceClient } from "../../../src/gen/signet/v1/keys.ts";
import { type IssueTokenResponse, TokenServiceClient } from "../../../src/gen/signet/v1/token.ts";
import { verdictOf } from "../profiles/dialect.ts";
import { BATCH_METHODS, callWith, ONE_ITEM, SINGLE_METHODS } from "../service/every-method.ts";
import { rotateKeys } from "../service/key-calls.ts";
import { type Load, startLoad } from "../service/load.ts";
import { revokeTokens } from "../service/revoke-tokens.ts";
import { readError } from "../service/rich-error.ts";
import { issue, verify } from "../service/service.ts";
import { waitUntil } from "../wait-until.ts";

/** How a caller reaches the replicas and proves itself: its argument, as JSON. */
export interface CallerJob {
  readonly replicas: readonly string[];
  /** In the certificates of all replicas. */
  readonly serverName: string;
  readonly ca: string;
  readonly cert?: string;
  readonly key?: string;
  readonly tokenFile?: string;
  readonly subject: string;
}

/** What a caller does on command, and what it answers. */
export interface Commands {
  /** Issues and verifies with four workers until `stop`. Resolves after the first tokens. */
  load(): Promise<void>;
  /** Connects again, with its files as they are now, for all later calls. */
  renew(): Promise<void>;
  /** Resolves after 20 more tokens. */
  more(): Promise<void>;
  /** Resolves with the ids of all issued tokens. */
  stop(): Promise<readonly string[]>;
  rotate(): Promise<void>;
  /** Revokes a new token. Resolves when every replica rejects it. */
  revoke(): Promise<void>;
  /** The status code of each method of the contract, for an empty request. */
  codes(): Promise<Readonly<Record<string, string>>>;
}

/** As README.md says, and for keys too. */
const RETRYING = {
  "grpc.service_config": JSON.stringify({
    loadBalancingConfig: [{ round_robin: {} }],
    methodConfig: [
      {
        name: [{ service: "signet.v1.TokenService" }, { service: "signet.v1.KeyService" }],
        retryPolicy: {
          maxAttempts: 5,
          initialBackoff: "0.2s",
          maxBackoff: "2s",
          backoffMultiplier: 2,
          retryableStatusCodes: ["UNAVAILABLE"],
        },
      },
    ],
  }),
};

const job = JSON.parse(process.argv[2] ?? "") as CallerJob;
let clients = connect();
let load: Load | undefined;
const tokenIds: string[] = [];

const commands: Commands = {
  async load() {
    load = startLoad(4, async () => {
      const { token, tokenId } = await issueOwn();
      const verdict = verdictOf(await verify(clients, token));
      if (verdict !== "valid") throw new Error(`a token that was just issued is ${verdict}`);
      tokenIds.push(tokenId);
    });
    await load.more(20);
  },
  async renew() {
    // The old ones stay open for the calls that they have begun.
    clients = connect();
  },
  async more() {
    await load?.more(20);
  },
  async stop() {
    await load?.stop();
    return tokenIds;
  },
  rotate: () => untilDone("the keys rotate", () => rotateKeys(clients)),
  async revoke() {
    const { token, tokenId } = await issueOwn();
    await untilDone("the token is revoked", () => revokeTokens(clients, { tokenIds: [tokenId] }));
    for (const replica of job.replicas) {
      const one = connect([replica]);
      await waitUntil(`${replica} rejects it`, async () => verdictOf(await verify(one, token)) === "REVOKED");
      for (const client of [one.tokens, one.keys]) client.close();
    }
  },
  async codes() {
    const client = new Client(targetOf(job.replicas), proof(), options());
    const codeOf = (call: Promise<unknown>) =>
      call.then(
        () => "OK",
        ({ code }: ServiceError) => status[code] ?? "",
      );
    const codes: Record<string, string> = {};
    for (const method of SINGLE_METHODS) codes[method.path] = await codeOf(callWith(client, method, Buffer.alloc(0)));
    for (const method of BATCH_METHODS) codes[method.path] = await codeOf(callWith(client, method, ONE_ITEM));
    client.close();
    return codes;
  },
};

/** Before a rotation is safe, and while the replica that was asked does not reach the state. */
const AGAIN = ["TOO_EARLY", "UNAVAILABLE", "DEADLINE_EXCEEDED"];

/** Tries again for half a minute, as operators do: what changes the state waits for NATS. */
function untilDone(what: string, step: () => Promise<unknown>): Promise<void> {
  return waitUntil(what, async () => {
    try {
      await step();
      return true;
    } catch (error) {
      const { code, reason = code } = readError(error as ServiceError);
      if (AGAIN.includes(reason) || AGAIN.includes(code)) return false;
      throw error;
    }
  });
}

/** A token for itself. */
function issueOwn(): Promise<IssueTokenResponse> {
  return issue(clients, { subject: job.subject });
}

function connect(replicas = job.replicas) {
  const [target, credential] = [targetOf(replicas), proof()];
  return {
    tokens: new TokenServiceClient(target, credential, options()),
    keys: new KeyServiceClient(target, credential, options()),
  };
}

function targetOf(replicas: readonly string[]): string {
  return `ipv4:${replicas.join()}`;
}

function options() {
  const names = { "grpc.ssl_target_name_override": job.serverName, "grpc.default_authority": job.serverName };
  return { ...RETRYING, ...names, "grpc.use_local_subchannel_pool": 1 };
}

function proof(): ChannelCredentials {
  const { ca, cert, key, tokenFile } = job;
  const read = (path: string | undefined) => (path === undefined ? null : readFileSync(path));
  const channel = credentials.createSsl(read(ca), read(key), read(cert));
  if (tokenFile === undefined) return channel;
  const token = readFileSync(tokenFile, "utf8");
  const bearer = credentials.createFromMetadataGenerator((_, callback) => {
    const metadata = new Metadata();
    metadata.set("authorization", `Bearer ${token}`);
    callback(null, metadata);
  });
  return credentials.combineChannelCredentials(channel, bearer);
}

process.on("message", async ([number, command]: [number, keyof Commands]) => {
  try {
    process.send?.([number, { answer: await commands[command]() }]);
  } catch (error) {
    process.send?.([number, { error: error instanceof Error ? error.message : String(error) }]);
  }
});
process.on("disconnect", () => process.exit());
