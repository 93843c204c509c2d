import { rm } from "node:fs/promises";
import { join } from "node:path";
import test, { type ExecutionContext } from "ava";
import { HANGS_MS } from "../support/bounded.ts";
import { type ExampleProcess, startGateway } from "../support/gateway.ts";
import { openEuler, startVendors, type TestSocket } from "../support/gateway-client.ts";
import { folderWithVariant } from "../support/profiles/profiles-folder.ts";
import { freePort } from "../support/service/free-port.ts";
import { startRemote } from "../support/service/remote-service.ts";
import { waitUntil } from "../support/wait-until.ts";

const CREATOR = "tv_asahi_news";
/** So short that a test can wait for its end, and so long that a busy machine renews it in time. */
const SHORT = { GATEWAY_LEASE_SECONDS: "25" };

const FULL = { code: 4429, reason: "too many connections" };
/** Signet is in doubt, or slow: a client connects again. */
const TRY_AGAIN_LATER = 1013;

/** Connects with a token. The socket is open, and the verdict on the token is still to come. */
const connect = (t: ExecutionContext, gateway: ExampleProcess, token: string) =>
  openEuler(t, gateway, { uniqueId: CREATOR, jwtKey: token });

/** Connects until there is a verdict: a session, or how the socket was closed. */
async function verdictOn(t: ExecutionContext, gateway: ExampleProcess, token: string) {
  for (const until = Date.now() + HANGS_MS; ; ) {
    const socket = await connect(t, gateway, token);
    const session = await Promise.race([socket.next().catch(() => undefined), socket.closed.then(() => undefined)]);
    if (session !== undefined) return { socket, session, closed: undefined };
    const closed = await socket.closed;
    if (closed.code !== TRY_AGAIN_LATER || Date.now() > until) return { socket, session, closed };
  }
}

/** Connects, and waits for the session. */
async function opened(t: ExecutionContext, gateway: ExampleProcess, token: string): Promise<TestSocket> {
  const { socket, session, closed } = await verdictOn(t, gateway, token);
  t.like(session, { type: "session", openSessions: 1, maxSessions: 1 }, JSON.stringify(closed));
  return socket;
}

/** Connects again and again until the slot is free. */
async function openedAtLast(t: ExecutionContext, gateway: ExampleProcess, token: string): Promise<TestSocket> {
  for (;;) {
    const { socket, session, closed } = await verdictOn(t, gateway, token);
    if (session?.type === "session") return socket;
    t.like(closed, FULL);
  }
}

// Serial, because each test starts three or four processes.

/** Two hours: the tests are about sessions, not about how long a token can be redeemed. */
const LONG = { uniqueId: CREATOR, expireAfter: 7_200 };

test.serial(
  "one socket for a token of one: the second gets 4429, and closing the first frees its slot at once",
  async (t) => {
    const all = await startVendors(t);
    const { token } = await all.token("euler-stream", LONG);
    const first = await opened(t, all.gateway, token);
    t.deepEqual((await verdictOn(t, all.gateway, token)).closed, FULL);
    t.like(await first.next(), { type: "chat", number: 1 }, "the first is untouched");
    first.close();
    await first.closed;
    await opened(t, all.gateway, token);
  },
);

test.serial("a revoked token closes its socket, and another token's stays open", async (t) => {
  const all = await startVendors(t);
  const [kept, revoked] = [await all.token("euler-stream", LONG), await all.token("euler-stream", LONG)];
  const other = await opened(t, all.gateway, kept.token);
  const socket = await opened(t, all.gateway, revoked.token);
  await all.revoke("euler-stream", revoked.tokenId);
  t.deepEqual(await socket.closed, { code: 4401, reason: "not authenticated" });
  t.like(await other.next(), { type: "chat" });
});

test.serial("SIGTERM drains the gateway: its sockets close with 1001, and others have the slots at once", async (t) => {
  const all = await startVendors(t);
  const second = await startGateway(t, { signet: all.service.process.grpc });
  const { token } = await all.token("euler-stream", LONG);
  const socket = await opened(t, all.gateway, token);
  const exit = all.gateway.stop();
  t.deepEqual(await socket.closed, { code: 1001, reason: "the gateway is stopping" });
  t.is(await exit, 0);
  await opened(t, second, token);
});

test.serial("a gateway killed with -9 frees its slots when its lease lapses", async (t) => {
  const all = await startVendors(t, { env: SHORT });
  const second = await startGateway(t, { signet: all.service.process.grpc, env: SHORT });
  const { token } = await all.token("euler-stream", LONG);
  await opened(t, all.gateway, token);
  t.deepEqual((await verdictOn(t, second, token)).closed, FULL);
  await all.gateway.kill9();
  await openedAtLast(t, second, token);
});

test.serial(
  "a gateway that was frozen for longer than its lease closes its sockets before it serves them",
  async (t) => {
    const all = await startVendors(t, { env: SHORT });
    const second = await startGateway(t, { signet: all.service.process.grpc, env: SHORT });
    const { token } = await all.token("euler-stream", LONG);
    const socket = await opened(t, all.gateway, token);
    all.gateway.pause();
    await openedAtLast(t, second, token);
    const served = socket.received.length;
    all.gateway.resume();
    t.like(await socket.closed, { code: 4555 });
    t.is(socket.received.length, served, "nothing was served after the lapse");
    t.true(all.gateway.log.some(({ event }) => event === "lease lapsed"));
  },
);

test.serial("open sockets outlive a restart of Signet, and still count", async (t) => {
  const grpc = `127.0.0.1:${await freePort()}`;
  const all = await startVendors(t, { serviceEnv: { SIGNET_GRPC_ADDRESS: grpc } });
  const { token } = await all.token("euler-stream", LONG);
  const socket = await opened(t, all.gateway, token);
  await all.service.process.kill9();
  await startRemote(t, { data: all.service.data, env: { SIGNET_GRPC_ADDRESS: grpc } });
  await waitUntil(
    "Signet answers the gateway",
    async () => (await (await connect(t, all.gateway, token)).closed).code === 4429,
  );
  t.like(await socket.next(({ type }) => type === "chat"), { uniqueId: CREATOR });
});

test.serial(
  "after the live store was lost the gateway lists its sessions: they stay open, and count again",
  async (t) => {
    t.timeout(300_000);
    const env = { SIGNET_GRPC_ADDRESS: `127.0.0.1:${await freePort()}`, SIGNET_ROTATION_CLOCK_SKEW: "1s" };
    const all = await startVendors(t, { serviceEnv: env });
    const { token } = await all.token("euler-stream", LONG);
    const socket = await opened(t, all.gateway, token);
    await all.service.process.kill9();
    for (const file of ["live.db", "live.db-wal", "live.db-shm"])
      await rm(join(all.service.data, "state", file), { force: true });
    await startRemote(t, { data: all.service.data, env });
    // For one lease and the skew of clocks it is in doubt which slots are free, and 1013 says so.
    const verdict = async () => (await (await connect(t, all.gateway, token)).closed).code;
    await waitUntil("the slots are known again", async () => (await verdict()) === FULL.code, 120_000);
    t.like(await socket.next(({ type }) => type === "chat"), { uniqueId: CREATOR }, "the socket has stayed open");
    socket.close();
    await openedAtLast(t, all.gateway, token);
  },
);

test.serial("without Signet the sockets close when the lease lapses, and new ones are told to try again", async (t) => {
  const serviceEnv = { SIGNET_GRPC_ADDRESS: `127.0.0.1:${await freePort()}` };
  const all = await startVendors(t, { env: SHORT, serviceEnv });
  const { token } = await all.token("euler-stream", LONG);
  const socket = await opened(t, all.gateway, token);
  await all.service.process.kill9();
  t.like(await socket.closed, { code: 4555 });
  t.deepEqual(await (await connect(t, all.gateway, token)).closed, { code: 1013, reason: "try again later" });
  await startRemote(t, { data: all.service.data, env: serviceEnv });
  const changes = () => all.gateway.log.flatMap(({ event }) => /^lease (.*)/.exec(event)?.[1] ?? []);
  await waitUntil("the outage is over", () => changes().includes("renewed"));
  const renewals = changes().filter((change) => change.endsWith("renewed"));
  t.deepEqual(
    renewals,
    renewals.map((_, at) => (at % 2 === 0 ? "not renewed" : "renewed")),
    "an outage is logged once, and so is its end",
  );
});

for (const [clock, line] of [
  ["session_max", "session_max: 15s"],
  ["idle_max", "session_max: 8h\n  idle_max: 15s"],
] as const) {
  test.serial(`at its ${clock} a socket closes with the code of the profile`, async (t) => {
    const folder = await folderWithVariant(t, "euler-stream", "euler-stream", { "session_max: 8h": line });
    const serviceEnv = { SIGNET_PROFILES_FOLDER: folder, SIGNET_PROFILES_REPLACE: "euler-stream" };
    const all = await startVendors(t, { serviceEnv });
    const { token } = await all.token("euler-stream", LONG);
    const socket = await opened(t, all.gateway, token);
    t.deepEqual(await socket.closed, { code: 4555, reason: "maximum connection life" });
    await opened(t, all.gateway, token);
  });
}
