import { mkdirSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import test, { type ExecutionContext } from "ava";
import { ensureStream } from "../../src/nats/audit/stream.ts";
import { connect } from "../support/nats/connect.ts";
import { startNats, testWithNats } from "../support/nats/nats-server.ts";
import { freePort } from "../support/service/free-port.ts";
import { listens, silent, startRun, startRunAgain } from "./make-run.ts";

const WITHOUT_TOOLS = 'echo "$* is missing: how to get it" >&2; exit 69';

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
    const folder = `${run.root}/data/nats`;
    const auditor = `--user-file '${folder}/auditor.user' --password-file '${folder}/auditor.password'`;
    t.true(run.output().includes(`npx signet audit tail --nats ${run.natsUrl} ${auditor} --last 5`));
    run.child.kill("SIGINT");
    t.is(await run.ended(), 0);
    t.true(run.output().includes("signet stops, NATS is up"));
    t.false(await listens(run.ports.nats), "NATS is stopped too");
  },
);

testWithNats("its NATS takes the users of the accounts alone, and keeps their passwords to this user", async (t) => {
  const run = await startRun(t);
  await run.ready();
  const folder = join(run.root, "data/nats");
  for (const name of [
    "passwords.conf",
    "signet.password",
    "auditor.password",
    "signet.user",
    "auditor.user",
    "archiver.password",
  ])
    t.is(statSync(join(folder, name)).mode & 0o777, 0o600, name);
  const pass = readFileSync(join(folder, "signet.password"), "utf8");
  await t.notThrowsAsync(connect({ servers: run.natsUrl, user: "signet", pass }).then((own) => own.close()));
  await t.throwsAsync(connect({ servers: run.natsUrl }), { message: /Authorization Violation/ });
  await run.printed(`signet is ${join(folder, "signet.user")} with ${join(folder, "signet.password")}`);
});

testWithNats("the streams that NATS had before there were accounts are kept", async (t) => {
  const first = await startRun(t);
  await first.ready();
  first.child.kill("SIGTERM");
  await first.ended();
  const folder = join(first.root, "data/nats");
  rmSync(join(folder, "jetstream"), { recursive: true, force: true });
  const before = await startNats(t, { store: folder });
  const connection = await connect({ servers: before.url });
  await ensureStream(connection, 1);
  await connection.jetstream().publish("signet.audit.token.issued.service");
  await connection.close();
  await before.stop();
  const again = await startRunAgain(t, first, {});
  await again.ready();
  const pass = readFileSync(join(folder, "signet.password"), "utf8");
  const own = await connect({ servers: again.natsUrl, user: "signet", pass });
  t.teardown(() => own.close());
  const manager = await own.jetstreamManager({ checkAPI: false });
  t.is((await manager.streams.info("SIGNET_AUDIT")).state.messages, 1);
});

testWithNats("a data folder that can't be made ends it, and it says why", async (t) => {
  const run = await startRun(t, { SIGNET_DATA: "/proc/signet" });
  t.is(await run.ended(), 1);
  t.regex(run.output(), /^make run: mkdir: .*\/proc\/signet.*No such file or directory$/m);
});

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

testWithNats(
  "REPLICAS=3 starts three on one NATS, each in its place, and only the first makes what they share",
  async (t) => {
    const run = await startRun(t, { REPLICAS: "3" });
    await run.ready();
    t.regex(run.output(), /3 replicas of Signet are ready, on NATS nats:/);
    for (const [at, number] of [1, 2, 3].entries()) {
      t.true(await listens(run.ports.http + at), `HTTP of replica ${number}`);
      t.true(
        run
          .output()
          .includes(`  ${number}  gRPC 127.0.0.1:${run.ports.grpc + at}  HTTP 127.0.0.1:${run.ports.http + at}  data `),
      );
      t.regex(run.output(), new RegExp(`signet uses ${run.natsUrl} and .*data/replicas/${number}\n`));
    }
    const shared = Array.from(run.output().matchAll(/signet shares (.*)/g), ([, how = ""]) => how);
    const kek = shared[0]?.replace("nats true true ", "");
    t.regex(kek ?? "", /data\/replicas\/kek$/);
    t.deepEqual(shared, [`nats true true ${kek}`, `nats false false ${kek}`, `nats false false ${kek}`]);
    const issuers = Array.from(run.output().matchAll(/signet issues as (.*)/g), ([, issuer]) => issuer);
    t.deepEqual(issuers, Array(3).fill(`http://127.0.0.1:${run.ports.http}`));
    run.child.kill("SIGINT");
    t.is(await run.ended(), 0);
    t.is(run.output().match(/signet stops, NATS is up/g)?.length, 3);
    t.false(run.output().includes("ended by itself"));
    t.false(await listens(run.ports.nats), "NATS is stopped too");
  },
);

testWithNats("a single Signet and replicas in one folder share no data, no KEK and no NATS store", async (t) => {
  const several = await startRun(t, { REPLICAS: "2" });
  await several.ready();
  several.child.kill("SIGINT");
  t.is(await several.ended(), 0);
  const data = join(several.root, "data");
  t.deepEqual(readdirSync(data), ["replicas"]);
  const alone = await startRunAgain(t, several, {});
  await alone.ready();
  t.deepEqual(readdirSync(data).toSorted(), ["nats", "replicas"]);
  t.true(alone.output().includes(`signet uses ${alone.natsUrl} and ${data}\n`));
  t.true(alone.output().includes(`signet issues as http://127.0.0.1:${alone.ports.http}\n`));
});

test("replicas of an earlier version are named, and not taken for none", async (t) => {
  const earlier = await startRun(t, { REPLICAS: "0" }, WITHOUT_TOOLS);
  t.is(await earlier.ended(), 1);
  const data = join(earlier.root, "data");
  mkdirSync(join(data, "1", "spool"), { recursive: true });
  const run = await startRunAgain(t, earlier, { REPLICAS: "3" });
  t.is(await run.ended(), 1);
  t.true(
    run.output().startsWith(`make run: ${data}/1 is a replica of an earlier version: move ${data}/1`),
    run.output(),
  );
});

testWithNats("a replica that dies is reported and the others go on, until the last one dies", async (t) => {
  const run = await startRun(t, { REPLICAS: "2" });
  await run.ready();
  const [first = 0, second = 0] = run.signetPids();
  process.kill(first, "SIGKILL");
  await run.printed("make run: signet 1 ended by itself (signal SIGKILL); the others go on");
  t.true(await listens(run.ports.http + 1));
  process.kill(second, "SIGKILL");
  t.is(await run.ended(), 1);
  t.true(run.output().includes("make run: signet 2 ended by itself (signal SIGKILL); stopping"));
  t.false(await listens(run.ports.nats));
});

testWithNats("when NATS dies, all replicas are stopped, and none is said to have ended by itself", async (t) => {
  const run = await startRun(t, { REPLICAS: "2" });
  await run.ready();
  process.kill(run.natsPid(), "SIGKILL");
  t.is(await run.ended(), 1);
  t.is(run.output().match(/signet stops, NATS is down/g)?.length, 2);
  t.regex(run.output(), /make run: nats-server, .* ended by itself/);
  t.notRegex(run.output(), /signet \d ended by itself/);
});

test("replicas without NATS are refused, and so is a number of them that is none", async (t) => {
  const alone = await startRun(t, { REPLICAS: "2" }, WITHOUT_TOOLS);
  t.is(await alone.ended(), 1);
  t.true(
    alone
      .output()
      .includes("make run: replicas share their state through NATS: without a server only REPLICAS=1 can run"),
  );
  const none = await startRun(t, { REPLICAS: "0" }, WITHOUT_TOOLS);
  t.is(await none.ended(), 1);
  t.is(none.output(), "make run: REPLICAS must be a number from 1 to 9\n");
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
  await run.printed(`NATS_URL: no NATS server answers at 127.0.0.1:${port}; starting one`);
  await run.printed(`signet uses ${run.natsUrl} `);
  t.pass();
});

test("without nats-server and grpcurl it says how to get them, fetches no grpcurl, runs on the spool and shows Signet's own commands", async (t) => {
  const run = await startRun(t, {}, WITHOUT_TOOLS);
  await run.ready();
  for (const text of [
    "nats-server is missing: how to get it",
    "--no-fetch grpcurl is missing: how to get it",
    "Without grpcurl, the examples below use Signet's own commands.",
    "Running without NATS",
    "signet uses no server ",
    "TOKEN=$(npx signet token issue service ",
  ]) {
    await t.notThrowsAsync(run.printed(text), text);
  }
});
