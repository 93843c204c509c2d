import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { status } from "@grpc/grpc-js";
import test from "ava";
import { ListKeysResponse } from "../../src/gen/signet/v1/keys.ts";
import { freePort } from "../support/service/free-port.ts";
import { errorInfo, fakeService, Refusal, retryInfo } from "./fake-service.ts";
import { signet } from "./terminal.ts";

const ISSUE = ["token", "issue", "service"];

test("where nothing listens, it says so and how to start one", async (t) => {
  const address = await freeAddress();
  t.deepEqual(await signet([...ISSUE, "--address", address]), {
    code: 2,
    stdout: "",
    stderr:
      `error: UNAVAILABLE: no Signet answers at ${address}: connect ECONNREFUSED ${address} ` +
      "(signet serve starts one, or make run in a checkout)\n",
  });
});

test("of another machine it says why nobody answers there, and not how to start one here", async (t) => {
  const { code, stderr } = await signet([...ISSUE, "--address", "signet.invalid:443", "--timeout", "5s"]);
  t.is(code, 2);
  t.regex(stderr, /: no Signet answers at signet\.invalid:443: (Name resolution failed [^()]+|Deadline exceeded)\n$/);
});

test("where something listens that never speaks gRPC, it says the same when the time is over", async (t) => {
  const sockets: Socket[] = [];
  const deaf = createServer((socket) => void sockets.push(socket)).listen(0, "127.0.0.1");
  await new Promise((resolve) => deaf.once("listening", resolve));
  t.teardown(() => {
    for (const socket of sockets) socket.destroy();
    deaf.close();
  });
  const { port } = deaf.address() as { port: number };
  const { code, stderr } = await signet([...ISSUE, "--address", `127.0.0.1:${port}`, "--timeout", "200ms"]);
  t.is(code, 2);
  t.regex(stderr, /DEADLINE_EXCEEDED: no Signet answers at 127\.0\.0\.1:\d+: Deadline exceeded \(/);
});

test("a service that does not answer in time is DEADLINE_EXCEEDED", async (t) => {
  const service = await fakeService({ issueToken: "silence" });
  t.teardown(service.stop);
  const { code, stderr } = await signet([...ISSUE, "--timeout", "10s"], { env: service.env });
  t.is(code, 2);
  t.regex(stderr, /^error: DEADLINE_EXCEEDED: (?!no Signet)/);
});

test("a terminal shows what a call waits for, until the answer", async (t) => {
  const service = await fakeService({ issueToken: "silence" });
  t.teardown(service.stop);
  const { stderr } = await signet([...ISSUE, "--timeout", "10s"], { env: service.env, tty: true });
  t.regex(stderr, /^\rwaiting for 127\.0\.0\.1:\d+ \.\.\. \d+ s.* +\r.*error:.* DEADLINE_EXCEEDED/s);
});

test("UNAVAILABLE of a service that is there keeps its own message, reason and delay", async (t) => {
  const refusal = new Refusal(status.UNAVAILABLE, "no key may sign yet", [errorInfo("NO_KEY"), retryInfo(1n, 5e8)]);
  const service = await fakeService({ issueToken: refusal });
  t.teardown(service.stop);
  const text = await signet(ISSUE, { env: service.env });
  t.is(text.code, 2);
  t.is(text.stderr, "error: UNAVAILABLE: no key may sign yet\n  reason: NO_KEY\n  try again in 1.500s\n");
  const json = await signet([...ISSUE, "--json"], { env: service.env });
  t.is(json.code, 2);
  t.is(json.stdout, "");
  t.deepEqual(JSON.parse(json.stderr), {
    code: "UNAVAILABLE",
    message: "no key may sign yet",
    reason: "NO_KEY",
    retryDelay: "1.500s",
  });
});

test("details that can't be decoded do not hide the error", async (t) => {
  const broken = { typeUrl: "type.googleapis.com/google.rpc.BadRequest", value: Buffer.from([0x0a, 0xff]) };
  const service = await fakeService({ issueToken: new Refusal(status.NOT_FOUND, "no such profile", [broken]) });
  t.teardown(service.stop);
  const { code, stderr } = await signet(ISSUE, { env: service.env });
  t.is(code, 2);
  t.is(stderr, "error: NOT_FOUND: no such profile\n");
});

test("an error text can't control the terminal", async (t) => {
  const service = await fakeService({ issueToken: new Refusal(status.NOT_FOUND, "a\u001b[2Jb") });
  t.teardown(service.stop);
  t.is((await signet(ISSUE, { env: service.env })).stderr, "error: NOT_FOUND: a\\u{1b}[2Jb\n");
});

test("it speaks over a Unix socket", async (t) => {
  const folder = await mkdtemp(join(tmpdir(), "signet-cli-"));
  t.teardown(() => rm(folder, { recursive: true }));
  const service = await fakeService({ issueToken: { token: "t" } }, `unix:${join(folder, "s")}`);
  t.teardown(service.stop);
  const { code, stdout } = await signet([...ISSUE, "--address", service.address]);
  t.is(code, 0);
  t.is(stdout, "t\n");
});

test("--address overrides SIGNET_ADDRESS", async (t) => {
  const service = await fakeService({ issueToken: { token: "t" } });
  t.teardown(service.stop);
  const env = { SIGNET_ADDRESS: await freeAddress() };
  t.is((await signet([...ISSUE, "--address", service.address], { env })).code, 0);
  t.is((await signet(ISSUE, { env })).code, 2);
});

test("the service's own variable says where it is, SIGNET_ADDRESS overrides it, and an empty one is unset", async (t) => {
  const service = await fakeService({ issueToken: { token: "t" } });
  t.teardown(service.stop);
  const [here, nowhere] = [service.address, await freeAddress()];
  for (const [env, found] of [
    [{ SIGNET_GRPC_ADDRESS: here }, 0],
    [{ SIGNET_GRPC_ADDRESS: here, SIGNET_ADDRESS: "" }, 0],
    [{ SIGNET_GRPC_ADDRESS: nowhere, SIGNET_ADDRESS: here }, 0],
    [{ SIGNET_GRPC_ADDRESS: here, SIGNET_ADDRESS: nowhere }, 2],
  ] as const)
    t.is((await signet(ISSUE, { env })).code, found, JSON.stringify(env));
});

test("port 0, with which the service may listen, is no address to call", async (t) => {
  const { code, stderr } = await signet(ISSUE, { env: { SIGNET_GRPC_ADDRESS: "127.0.0.1:0" } });
  t.is(code, 2);
  t.regex(
    stderr,
    /--address \(else SIGNET_ADDRESS, else SIGNET_GRPC_ADDRESS\) must be .*the one that the service logs/,
  );
});

test("an answer of more than 4 MiB, such as the secrets of many tenants, is shown whole", async (t) => {
  const [key] = ListKeysResponse.fromPartial({
    keys: [{ profile: "hivekit", fingerprint: "f".repeat(1_000_000) }],
  }).keys;
  const service = await fakeService({ listKeys: { keys: Array(6).fill(key) } });
  t.teardown(service.stop);
  const { code, stdout } = await signet(["keys", "list", "--json", "--timeout", "60s"], service);
  t.is(code, 0);
  t.is(JSON.parse(stdout).keys.length, 6);
});

/** Where nobody listens. */
async function freeAddress(): Promise<string> {
  return `127.0.0.1:${await freePort()}`;
}
