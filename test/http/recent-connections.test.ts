import { once } from "node:events";
import { connect, type Socket } from "node:net";
import test from "ava";
import { startService } from "../support/service/service.ts";
import { waitUntil } from "../support/wait-until.ts";

const ENDPOINTS = ["/.well-known/jwks.json", "/livez", "/readyz", "/metrics"];

test("more silent connections than are allowed shut nobody out: the oldest make room", async (t) => {
  const service = await startService(t);
  const [host = "", port = ""] = service.app.addresses.http.split(":");
  const sockets: Socket[] = [];
  t.teardown(() => sockets.forEach((socket) => void socket.destroy()));
  for (let count = 0; count < 1100; count++) {
    // Read, since on a slow machine the server answers 408 before it closes: a socket with unread bytes is never closed.
    const socket = connect(Number(port), host).on("error", () => {});
    sockets.push(socket.resume());
    await once(socket, "connect");
  }
  for (const path of ENDPOINTS) t.is((await fetch(`${service.url}${path}`)).status, 200, path);
  await waitUntil("the oldest hundred are closed", () => sockets.slice(0, 100).every(({ closed }) => closed));
});

test("a connection that sends half a request is closed after its time, although others come and go", async (t) => {
  const service = await startService(t);
  const [host = "", port = ""] = service.app.addresses.http.split(":");
  const slow = connect(Number(port), host).on("error", () => {});
  t.teardown(() => slow.destroy());
  slow.write("GET /livez HTTP/1.1\r\nHost: x\r\n");
  await waitUntil("it is closed", () => slow.resume().closed);
  t.pass();
});

test("a connection in use stays when silent ones come", async (t) => {
  const service = await startService(t, { env: { SIGNET_HTTP_MAX_CONNECTIONS: "3" } });
  const [host = "", port = ""] = service.app.addresses.http.split(":");
  const used = connect(Number(port), host);
  t.teardown(() => used.destroy());
  for (let round = 0; round < 5; round++) {
    used.write("GET /livez HTTP/1.1\r\nHost: x\r\n\r\n");
    const [answer] = await once(used, "data");
    t.regex(String(answer), /^HTTP\/1.1 200 /);
    const silent = connect(Number(port), host).on("error", () => {});
    t.teardown(() => silent.destroy());
    await once(silent, "connect");
  }
});
