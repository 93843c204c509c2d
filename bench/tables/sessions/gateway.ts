import { createHash, randomUUID } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { credentials, type ServiceError, status } from "@grpc/grpc-js";
import {
  OpenSessionRequest,
  type OpenSessionResponse,
  RenewSessionsRequest,
  type RenewSessionsResponse,
  SessionServiceClient,
} from "../../../src/gen/signet/v1/session.ts";
import {
  BatchIssueTokensRequest,
  type BatchIssueTokensResponse,
  TokenServiceClient,
  type VerifyTokenRequest,
  type VerifyTokenResponse,
} from "../../../src/gen/signet/v1/token.ts";
import { EXCHANGES } from "../../client/exchanges.ts";
import { inParallel } from "./in-parallel.ts";

const PROFILE = "euler-stream";
const BATCH = 100;
const DIGEST_BYTES = 16;
const ATTEMPTS = 120;
const RETRY_MS = 500;

/** The clients of a service, over one connection each. */
export interface Clients {
  /** Tokens of Euler Stream, each for one socket. */
  tokens(count: number): Promise<string[]>;
  verify(token: string): Promise<VerifyTokenResponse>;
  open(request: Partial<OpenSessionRequest>): Promise<OpenSessionResponse>;
  renew(request: Partial<RenewSessionsRequest>): Promise<RenewSessionsResponse>;
  close(): void;
}

export function connectTo(address: string): Clients {
  const tokens = new TokenServiceClient(address, credentials.createInsecure());
  const sessions = new SessionServiceClient(address, credentials.createInsecure());
  return {
    async tokens(count) {
      const { issue } = eulerStream();
      const request = BatchIssueTokensRequest.fromPartial({ items: Array.from({ length: BATCH }, () => issue) });
      const batches: string[][] = [];
      await inParallel(Math.ceil(count / BATCH), 2, async () => {
        const { results } = await answer<BatchIssueTokensResponse>((done) => tokens.batchIssueTokens(request, done));
        batches.push(results.map(({ result }) => (result?.$case === "response" ? result.value.token : "")));
      });
      return batches.flat().slice(0, count);
    },
    verify: (token) => answer((done) => tokens.verifyToken(verification(token), done)),
    open: (request) => answer((done) => sessions.openSession(OpenSessionRequest.fromPartial(request), done)),
    renew: (request) => answer((done) => sessions.renewSessions(RenewSessionsRequest.fromPartial(request), done)),
    close() {
      tokens.close();
      sessions.close();
    },
  };
}

/** A gateway that holds sessions. */
export class Gateway {
  readonly id: string = randomUUID();
  readonly #clients: Clients;
  readonly #digest = Buffer.alloc(DIGEST_BYTES);
  #leaseId = "";
  #count = 0;

  constructor(clients: Clients) {
    this.#clients = clients;
  }

  async open(token: string): Promise<void> {
    const { verification: verdict, session } = await this.#clients.open({
      ...{ verification: verification(token), gatewayId: this.id, connectionId: randomUUID(), leaseId: this.#leaseId },
    });
    if (session === undefined) throw new Error(`no session was opened: ${verdict?.rejection?.message}`);
    this.#count += 1;
    const part = createHash("sha256").update(session.sessionId).digest();
    for (let at = 0; at < DIGEST_BYTES; at += 1) this.#digest[at] = (this.#digest[at] ?? 0) ^ (part[at] ?? 0);
  }

  /** Renews the lease. Throws when the service knows other sessions. */
  async renew(): Promise<void> {
    const held = { gatewayId: this.id, leaseId: this.#leaseId, sessionCount: this.#count, digest: this.#digest };
    const { lease, listWanted } = await this.#clients.renew({ ...held, lease: { seconds: 120n, nanos: 0 } });
    if (this.#leaseId !== "" && lease?.leaseId !== this.#leaseId) throw new Error("the lease has lapsed");
    if (listWanted) throw new Error("the service knows other sessions than the gateway holds");
    this.#leaseId = lease?.leaseId ?? "";
  }
}

function verification(token: string): VerifyTokenRequest {
  return eulerStream().verify(token);
}

function eulerStream() {
  const exchange = EXCHANGES[PROFILE];
  if (exchange === undefined) throw new Error(`there is no exchange for ${PROFILE}`);
  return exchange;
}

type Call<Response> = (done: (error: ServiceError | null, response: Response) => void) => unknown;

/** Calls again, as a gateway does, while the store is UNAVAILABLE: on a busy machine NATS may answer too late. */
async function answer<Response>(call: Call<Response>): Promise<Response> {
  for (let attempt = 1; ; attempt += 1) {
    const { error, response } = await new Promise<{ error: ServiceError | null; response: Response }>((resolve) => {
      call((error, response) => resolve({ error, response }));
    });
    if (error === null) return response;
    if (error.code !== status.UNAVAILABLE || attempt === ATTEMPTS) throw error;
    await delay(RETRY_MS);
  }
}
