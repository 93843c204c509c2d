import { join } from "node:path";
import test, { type ExecutionContext } from "ava";
import { HANGS_MS } from "../support/bounded.ts";
import { tally } from "../support/collect.ts";
import { tempFolder } from "../support/files/temp.ts";
import { type ExampleProcess, startGateway } from "../support/gateway.ts";
import { serialTestWithNats, startNats } from "../support/nats/nats-server.ts";
import { type Dialect, dialect, verdictOf } from "../support/profiles/dialect.ts";
import { folderWithVariant } from "../support/profiles/profiles-folder.ts";
import { startRemote } from "../support/service/remote-service.ts";
import type { Service } from "../support/service/service.ts";
import { type Ending, shared } from "../support/service/shared.ts";
import { waitUntil } from "../support/wait-until.ts";
import { connectTo, type Socket } from "./socket.ts";

const CREATOR = "tv_asahi_news";
/** IANA's registry of close codes. */
const TRY_AGAIN_LATER = 1013;
/** The longest life of a token, in seconds: a slow machine must not be told that it has expired. */
const MOST_SECONDS = 7_200;
const EIGHT_HOURS = 8 * 3_600_000;

const euler = (service: Service): Dialect =>
  dialect(service, "euler-stream", { verify: { context: { uniqueId: CREATOR } } });

const service = shared(test, (t) => startRemote(t));
const gateway = shared(test, async (t) => gatewayOf(t, await service()));

function gatewayOf(t: Ending, { app }: Service, env: Readonly<Record<string, string>> = {}): Promise<ExampleProcess> {
  return startGateway(t, { signet: app.addresses.grpc, env });
}

async function tokenFor(service: Service, maxWebSockets: number, expireAfter = MOST_SECONDS): Promise<string> {
  const websockets = { allowedCreators: [CREATOR], maxWebSockets };
  return (await euler(service).issue({ accountId: "account-7", expireAfter, websockets })).token;
}

/** A connection, and what it began with: the gateway's message about its session, or the code of its end. */
interface Connection {
  readonly socket: Socket;
  readonly began: { readonly openSessions: number; readonly maxSessions: number; readonly deadline: string } | number;
}

/** Connects as a client of the vendor does. */
async function connect(
  t: Ending,
  { url }: ExampleProcess,
  query: Readonly<Record<string, string>>,
): Promise<Connection> {
  const socket = await connectTo(t, url, `/euler?${new URLSearchParams(query)}`);
  await socket.untilMessages(1);
  const [first] = socket.messages;
  return { socket, began: first === undefined ? (socket.closed?.code ?? 0) : JSON.parse(first) };
}

/** Connects again for as long as the gateway asks for it, because Signet was in doubt or slow. */
async function connectWith(
  t: Ending,
  gateway: ExampleProcess,
  jwtKey: string,
  until = Date.now() + HANGS_MS,
): Promise<Connection> {
  const connection = await connect(t, gateway, { jwtKey, uniqueId: CREATOR });
  const isDoubt = connection.began === TRY_AGAIN_LATER && Date.now() < until;
  return isDoubt ? connectWith(t, gateway, jwtKey, until) : connection;
}

function isSession(t: ExecutionContext, { began }: Connection, openSessions: number, maxSessions: number): void {
  t.like(began, { type: "session", openSessions, maxSessions });
}

test.serial("E2: for its creator the token is valid, and opens c1: session 1 of 1", async (t) => {
  const token = await tokenFor(await service(), 1);
  t.is(verdictOf(await euler(await service()).verify(token)), "valid");
  isSession(t, await connectWith(t, await gateway(), token), 1, 1);
});

test.serial("E3: c2 while c1 is open is closed with 4429, and c1 is served as before", async (t) => {
  const token = await tokenFor(await service(), 1);
  const c1 = await connectWith(t, await gateway(), token);
  isSession(t, c1, 1, 1);
  const c2 = await connectWith(t, await gateway(), token);
  t.deepEqual(c2.socket.closed, { code: 4429, reason: "too many connections" });
  const served = c1.socket.messages.length;
  await c1.socket.untilMessages(served + 1);
  t.is(c1.socket.closed, undefined);
});

test.serial("E4: c3 is valid once c1 has closed", async (t) => {
  const token = await tokenFor(await service(), 1);
  const c1 = await connectWith(t, await gateway(), token);
  isSession(t, c1, 1, 1);
  await c1.socket.close();
  isSession(t, await connectWith(t, await gateway(), token), 1, 1);
});

test.serial("E4 (crash): a gateway that is killed frees its slots when its lease lapses", async (t) => {
  const env = { GATEWAY_LEASE_SECONDS: "30" };
  const [first, second] = [await gatewayOf(t, await service(), env), await gatewayOf(t, await service(), env)];
  const token = await tokenFor(await service(), 1);
  isSession(t, await connectWith(t, first, token), 1, 1);
  await first.kill9();
  t.is((await connectWith(t, second, token)).began, 4429, "the lease holds the slot");
  let c3: Connection | undefined;
  await waitUntil("the slot is free", async () => {
    c3 = await connectWith(t, second, token);
    return typeof c3.began !== "number";
  });
  if (c3 !== undefined) isSession(t, c3, 1, 1);
});

serialTestWithNats("E5: of 50 opens at once over 3 replicas exactly 3 succeed, and the others are 4429", async (t) => {
  const nats = await startNats(t);
  const data = await tempFolder(t);
  const env = { SIGNET_NATS_URL: nats.url, SIGNET_STATE_STORE: "nats", SIGNET_STATE_FIRST_START: "true" };
  const first = await startRemote(t, { data, env });
  const shared = { ...env, SIGNET_KEK_FILE: join(data, "kek") };
  const replicas = [first, ...(await Promise.all([startRemote(t, { env: shared }), startRemote(t, { env: shared })]))];
  const gateways = await Promise.all(replicas.map((replica) => gatewayOf(t, replica)));
  const openAll = async (token: string) => {
    const opens = Array.from({ length: 17 }, () => gateways)
      .flat()
      .slice(0, 50)
      .map((gateway) => connectWith(t, gateway, token));
    return tally((await Promise.all(opens)).map(({ began }) => (typeof began === "number" ? `${began}` : "session")));
  };
  t.deepEqual(await openAll(await tokenFor(first, 3)), { session: 3, 4429: 47 });
  t.deepEqual(await openAll(await tokenFor(first, 4)), { session: 4, 4429: 46 }, "control: of 4, 4");
});

test.serial("E8 (open socket): c1 outlives its token; its deadline is 8 hours after it was opened", async (t) => {
  // So long that a busy machine connects in time.
  const token = await tokenFor(await service(), 2, 20);
  const before = Date.now();
  const c1 = await connectWith(t, await gateway(), token);
  const after = Date.now();
  isSession(t, c1, 1, 2);
  // The time of opening is kept in whole seconds.
  const openedAt = typeof c1.began === "number" ? 0 : Date.parse(c1.began.deadline) - EIGHT_HOURS;
  t.true(openedAt > before - 1_000 && openedAt <= after, `${openedAt - before} ms`);
  await waitUntil("the token has expired", async () => (await connectWith(t, await gateway(), token)).began === 4401);
  await c1.socket.untilMessages(c1.socket.messages.length + 1);
  t.is(c1.socket.closed, undefined);
});

test.serial("E8 (end): at session_max the socket is closed with 4555", async (t) => {
  const folder = await folderWithVariant(t, "euler-stream", "euler-stream", { "session_max: 8h": "session_max: 20s" });
  const env = { SIGNET_PROFILES_FOLDER: folder, SIGNET_PROFILES_REPLACE: "euler-stream" };
  const brief = await startRemote(t, { env });
  const c1 = await connectWith(t, await gatewayOf(t, brief), await tokenFor(brief, 1));
  isSession(t, c1, 1, 1);
  t.deepEqual(await c1.socket.untilClosed(), { code: 4555, reason: "maximum connection life" });
});

test.serial("E6 (socket): for another creator the socket is closed with 4403", async (t) => {
  const jwtKey = await tokenFor(await service(), 1);
  t.is((await connect(t, await gateway(), { jwtKey, uniqueId: "bbc_news" })).began, 4403);
});

test.serial("E9 (socket): without a token, with garbage or without a creator the socket is closed", async (t) => {
  const [jwtKey, uniqueId] = [await tokenFor(await service(), 1), CREATOR];
  for (const [what, query, code] of [
    ["no token", { uniqueId }, 4401],
    ["garbage", { jwtKey: "garbage", uniqueId }, 4401],
    ["an empty creator", { jwtKey, uniqueId: "" }, 4400],
    ["no creator", { jwtKey }, 4400],
  ] as const)
    t.is((await connect(t, await gateway(), query)).began, code, what);
});
