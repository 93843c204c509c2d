import test from "ava";
import { openSocket, startVendors } from "../support/gateway-client.ts";
import { folderWithVariant } from "../support/profiles/profiles-folder.ts";
import { shared } from "../support/service/shared.ts";
import { waitUntil } from "../support/wait-until.ts";

const SOCKET = "/hivekit/v1/ws";
const SUCCESS = { typ: "sys", act: "aut", res: "suc" };
const RIGHT = { realm: "london", id: "deliveryRiders/johndoe-123", operation: "R" };

const vendors = shared(test, (t) => startVendors(t));

test("in quarantine other frames are dropped unanswered, until a frame with a valid token is", async (t) => {
  const all = await vendors();
  const { token } = await all.token("hivekit");
  const socket = await openSocket(t, all.gateway, SOCKET);
  for (const frame of [JSON.stringify(RIGHT), token, `bearer ${token}`, "", "x".repeat(1_000)]) socket.send(frame);
  socket.send(`Bearer ${token}`);
  t.deepEqual(await socket.next(), SUCCESS, "the first answer is the one to the token");
  socket.send(JSON.stringify(RIGHT));
  t.deepEqual(await socket.next(), { ...RIGHT, res: "suc" });
  socket.send(JSON.stringify({ ...RIGHT, operation: "D" }));
  t.like(await socket.next(), { operation: "D", res: "err", err: "the token does not give this right" });
  t.is(socket.received.length, 3, "nothing else was answered");
});

test("a bad token is answered with the error frame, and the connection stays in quarantine", async (t) => {
  const all = await vendors();
  const { token } = await all.token("hivekit");
  const socket = await openSocket(t, all.gateway, SOCKET);
  socket.send("Bearer bad");
  t.like(await socket.next(), { typ: "sys", act: "aut", res: "err" });
  socket.send(JSON.stringify(RIGHT));
  socket.send(`Bearer ${token}`);
  t.deepEqual(await socket.next(), SUCCESS);
});

test("the fifth bad token closes the connection", async (t) => {
  const { gateway } = await vendors();
  const socket = await openSocket(t, gateway, SOCKET);
  for (let failure = 1; failure <= 5; failure += 1) {
    socket.send("Bearer bad");
    t.like(await socket.next(), { res: "err" }, `failure ${failure}`);
  }
  t.deepEqual(await socket.closed, { code: 1008, reason: "too many invalid tokens" });
});

test("a token in the query of the upgrade makes the connection trusted at once", async (t) => {
  const all = await vendors();
  const { token } = await all.token("hivekit");
  const socket = await openSocket(t, all.gateway, `${SOCKET}?token=${token}`);
  await waitUntil("the connection is trusted", async () => {
    socket.send(JSON.stringify(RIGHT));
    return socket.received.length > 0;
  });
  t.deepEqual(await socket.next(), { ...RIGHT, res: "suc" });
});

test("a revoked token ends its connection, with the error frame first", async (t) => {
  const all = await vendors();
  const { token, tokenId } = await all.token("hivekit");
  const socket = await openSocket(t, all.gateway, SOCKET);
  socket.send(`Bearer ${token}`);
  t.deepEqual(await socket.next(), SUCCESS);
  await all.revoke("hivekit", tokenId);
  t.deepEqual(await socket.next(), { ...SUCCESS, res: "err", err: "the token was revoked" });
  t.is((await socket.closed).code, 1008);
});

test("the bounds of the quarantine are those of the profile: no token in time closes the connection", async (t) => {
  const bounds = "quarantine: { deadline: 10s, max_failures: 5 }";
  const folder = await folderWithVariant(t, "hivekit", "hivekit", {
    [bounds]: "quarantine: { deadline: 15s, max_failures: 1 }",
  });
  const serviceEnv = { SIGNET_PROFILES_FOLDER: folder, SIGNET_PROFILES_REPLACE: "hivekit" };
  const all = await startVendors(t, { serviceEnv });
  const silent = await openSocket(t, all.gateway, SOCKET);
  const failing = await openSocket(t, all.gateway, SOCKET);
  failing.send("Bearer bad");
  t.deepEqual(await failing.closed, { code: 1008, reason: "too many invalid tokens" });
  t.deepEqual(await silent.closed, { code: 1008, reason: "no valid token in time" });
});
