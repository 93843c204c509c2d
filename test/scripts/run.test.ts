import { createServer } from "node:net";
import test, { type ExecutionContext } from "ava";
import { testWithNats } from "../support/nats-server.ts";
import { freePort, listens, silent, startRun } from "./make-run.ts";

const WITHOUT_TOOLS = 'echo "$1 is missing: how to get it" >&2; exit 69';

testWithNats(
  "when both answer it shows how to issue, verify and see the event; Ctrl-C stops Signet first, then NATS",
  async (t) => {
    const run = await startRun(t);
    await run.ready();
    t.regex(
      run.output(),
      new RegExp(`127\\.0\\.0\\.1:${run.ports.grpc} signet\\.v1\\.TokenService/IssueToken|token issue`),
    );
    t.regex(run.output(), /TokenService\/VerifyToken|token verify/);
    t.true(run.output().includes(`npx signet audit tail --nats ${run.natsUrl} --last 5`));
    run.child.kill("SIGINT");
    t.is(await run.ended(), 0);
    t.true(run.output().includes("signet stops, NATS is up"));
    t.false(await listens(run.ports.nats), "NATS is stopped too");
  },
);

testWithNats("SIGTERM stops it like Ctrl-C, also while it starts", async (t) => {
  const run = await startRun(t);
  run.child.stdout?.once("data", () => run.child.kill("SIGTERM"));
  t.is(await run.ended(), 0);
  t.false(await listens(run.ports.http));
  t.false(await listens(run.ports.nats));
});

testWithNats("when it is killed with -9, nothing stays behind", async (t) => {
  const run = await startRun(t);
  await run.ready();
  run.child.kill("SIGKILL");
  await run.ended();
  await silent(run.ports.http);
  await silent(run.ports.nats);
  t.false(run.output().includes("signet stops"), "it could not be stopped in order");
});

testWithNats("when Signet dies, it says so, stops NATS and fails", async (t) => {
  const run = await startRun(t);
  await run.ready();
  process.kill(run.signetPid(), "SIGKILL");
  t.is(await run.ended(), 1);
  t.true(run.output().includes("make run: signet ended by itself (signal SIGKILL); stopping"));
  t.false(await listens(run.ports.nats));
});

testWithNats("when NATS dies, it says so, stops Signet and fails", async (t) => {
  const run = await startRun(t);
  await run.ready();
  process.kill(run.natsPid(), "SIGKILL");
  t.is(await run.ended(), 1);
  t.regex(
    run.output(),
    /make run: nats-server, whose log is .*nats\.log, ended by itself \(signal SIGKILL\); stopping/,
  );
  t.true(run.output().includes("signet stops, NATS is down"));
});

for (const [part, variable, scheme, declare, tools] of [
  ["gRPC", "SIGNET_GRPC_ADDRESS", "", test, WITHOUT_TOOLS],
  ["HTTP", "SIGNET_HTTP_ADDRESS", "", test, WITHOUT_TOOLS],
  ["NATS", "SIGNET_NATS_URL", "nats://", testWithNats, undefined],
] as const) {
  declare(`a taken ${part} port is named together with ${variable}`, async (t: ExecutionContext) => {
    const port = await freePort();
    const taken = createServer().listen(port, "127.0.0.1");
    t.teardown(() => taken.close());
    const run = await startRun(t, { [variable]: `${scheme}127.0.0.1:${port}` }, tools);
    t.is(await run.ended(), 1);
    const wanted = `make run: ${part}: port ${port} on 127.0.0.1 is in use; choose another with ${variable}=${scheme}127.0.0.1:PORT`;
    t.true(run.output().includes(wanted), run.output());
  });
}

test("a malformed address names its variable and the form", async (t) => {
  const run = await startRun(t, { SIGNET_HTTP_ADDRESS: "localhost" }, WITHOUT_TOOLS);
  t.is(await run.ended(), 1);
  t.is(run.output(), "make run: SIGNET_HTTP_ADDRESS is not an address with a port; allowed: 127.0.0.1:PORT\n");
});

testWithNats("a NATS server that NATS_URL names is used and left alone", async (t) => {
  const first = await startRun(t);
  await first.ready();
  const second = await startRun(t, { NATS_URL: first.natsUrl });
  await second.ready();
  t.true(second.output().includes(`signet uses ${first.natsUrl} `));
  t.false(await listens(second.ports.nats));
  second.child.kill("SIGTERM");
  t.is(await second.ended(), 0);
  t.true(await listens(first.ports.nats));
});

testWithNats("where nothing answers at NATS_URL, it says so and starts its own", async (t) => {
  const port = await freePort();
  const run = await startRun(t, { NATS_URL: `nats://127.0.0.1:${port}` });
  await run.ready();
  t.true(run.output().includes(`NATS_URL: no NATS server answers at 127.0.0.1:${port}; starting one`));
  t.true(run.output().includes(`signet uses ${run.natsUrl} `));
});

test("without nats-server and grpcurl it says how to get them, runs on the spool and shows Signet's own commands", async (t) => {
  const run = await startRun(t, {}, WITHOUT_TOOLS);
  await run.ready();
  for (const text of [
    "nats-server is missing: how to get it",
    "grpcurl is missing: how to get it",
    "Running without NATS",
    "signet uses no server ",
    "TOKEN=$(npx signet token issue service ",
  ]) {
    t.true(run.output().includes(text), text);
  }
});
