import { once } from "node:events";
import { connect } from "node:net";
import type { ExecutionContext } from "ava";
import { keyPolicy } from "../../../src/keys/rotating/policy.ts";
import { openPolicy } from "../access/policies.ts";
import { filesIn } from "../files/config-files.ts";
import type { NatsServer } from "../nats/nats-server.ts";
import { type Replica, replicaSet } from "../replicas/replicas.ts";
import { importKey } from "../service/key-calls.ts";
import { revokeTokens } from "../service/revoke-tokens.ts";
import { failureOf } from "../service/rich-error.ts";
import { issue, verify } from "../service/service.ts";
import { eulerToken } from "../sessions/euler-tokens.ts";
import { type RemoteSessions, remoteSessions } from "../sessions/remote-sessions.ts";

/** A profile whose rule fails for a context that is no text, and whose subjects get one token each. */
const CLUB = `profile: club
header: { typ: at+jwt }
keys: { keyset: service, algorithm: EdDSA }
lifetime: { exp: required, default: 5m, max: 10m }
request: { type: object }
claims:
  - { name: iss, from: issuer }
  - { name: sub, from: subject }
  - { name: exp, from: expires_at }
accept: { type: object }
context: { type: object }
rules: [{ require: context.room.startsWith("r"), reason: NOT_PERMITTED, message: m }]
metering:
  subject: { per_second: 0.001, burst: 1 }
`;

const MAX_HTTP_CONNECTIONS = 8;

/** A day's rotation: no ring turns while the test runs. */
const STEADY = keyPolicy({
  period: 24 * 3_600_000,
  verifierCache: 900_000,
  propagation: 60_000,
  stopUsing: 60_000,
  skew: 60_000,
  activationDelay: 300_000,
  maxTtl: 3_600_000,
});

/** Two replicas with a policy, a stricter shadow policy and a profile of their own. */
export async function observedReplicas(t: ExecutionContext, nats: NatsServer): Promise<readonly Replica[]> {
  const set = await replicaSet(t, [nats.url], STEADY, {
    SIGNET_ACCESS_POLICY: await openPolicy(t, ["loopback"], ["service", "euler-stream", "club"]),
    SIGNET_ACCESS_SHADOW: await openPolicy(t, ["loopback"], ["service"]),
    SIGNET_PROFILES_FOLDER: await filesIn(t, { "club.yaml": CLUB }),
    SIGNET_HTTP_MAX_CONNECTIONS: String(MAX_HTTP_CONNECTIONS),
    SIGNET_AUDIT_RETENTION_MAX_AGE: "30d",
    SIGNET_AUDIT_RETENTION_MAX_BYTES: "1000000000",
  });
  return await set.startAll(2);
}

/** Calls that add to every metric of calls. Returns a function that makes them once more. */
export function createRounds(t: ExecutionContext, replica: Replica): () => Promise<void> {
  const sessions = remoteSessions(t, replica);
  let round = 0;
  return async () => {
    round += 1;
    const name = `${replica.name}-${round}`;
    await issueAndVerify(replica);
    await beRefused(replica, name);
    await holdSessions(replica, sessions, name);
    await importKey(replica, { profile: "hivekit", tenant: name, keyId: name });
    await takeTooManyConnections(replica);
  };
}

async function issueAndVerify(replica: Replica): Promise<void> {
  const { token, tokenId } = await issue(replica);
  await Promise.all(Array.from({ length: 20 }, () => issue(replica)));
  await Promise.all(Array.from({ length: 20 }, () => verify(replica, token)));
  await revokeTokens(replica, { tokenIds: [tokenId] });
}

async function beRefused(replica: Replica, subject: string): Promise<void> {
  await failureOf(issue(replica, { subject: "" }));
  await failureOf(issue(replica, { profile: "reactive" }));
  await verify(replica, "no token");
  const member = { profile: "club", audience: [], subject };
  const { token } = await issue(replica, member);
  await failureOf(issue(replica, member));
  await verify(replica, token, { profile: "club", audience: "", context: { room: 1 } });
}

async function holdSessions(replica: Replica, sessions: RemoteSessions, gatewayId: string): Promise<void> {
  const { token } = await eulerToken(replica, 1);
  const opened = await sessions.open({ token, gatewayId, connectionId: "c-1", leaseId: "" });
  await sessions.open({ token, gatewayId, connectionId: "c-2", leaseId: opened.leaseId });
  await sessions.close(gatewayId, [opened.sessionId]);
}

async function takeTooManyConnections({ url }: Replica): Promise<void> {
  const { hostname, port } = new URL(url);
  for (let count = 0; count <= MAX_HTTP_CONNECTIONS; count += 1) {
    const socket = connect(Number(port), hostname).on("error", () => undefined);
    await once(socket, "connect");
    // Left open: the next round's connections replace it.
    socket.unref();
  }
}
