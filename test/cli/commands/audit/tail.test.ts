import { once } from "node:events";
import { chmod } from "node:fs/promises";
import { createServer, type Socket } from "node:net";
import test, { type ExecutionContext } from "ava";
import { ensureStream } from "../../../../src/nats/audit/stream.ts";
import { createLogWriter } from "../../../support/audit/log-writer.ts";
import { tempFolder } from "../../../support/files/temp.ts";
import { connect } from "../../../support/nats/connect.ts";
import { startNats, testWithNats } from "../../../support/nats/nats-server.ts";
import { secretFile, startSecureNats } from "../../../support/nats/secure-nats.ts";
import { signet, terminal } from "../../terminal.ts";

const body = (id: string) => JSON.stringify({ eventId: id, time: "2026-11-22T12:00:00Z" });
const ids = (lines: string) => [...lines.matchAll(/"eventId":"(.*?)"/g)].map(([, id]) => id);

async function stream(t: ExecutionContext<unknown>, events: readonly [string, string][]) {
  const server = await startNats(t);
  const connection = await connect({ servers: server.url });
  t.teardown(() => connection.close());
  await ensureStream(connection, 1);
  const publish = (type: string, id: string) => connection.jetstream().publish(`signet.audit.${type}`, body(id));
  for (const [type, id] of events) await publish(type, id);
  return { publish, env: { SIGNET_NATS_URL: server.url }, url: server.url };
}

const EVENTS: [string, string][] = [
  ["service.started._", "1"],
  ["token.issued.service", "2"],
  ["token.issued.other", "3"],
  ["token.denied.service", "4"],
  ["token.issued.service", "5"],
];

testWithNats("--last with --no-follow prints the last events and ends by itself", async (t) => {
  const { env } = await stream(t, EVENTS);
  const { code, stdout, stderr } = await signet(["audit", "tail", "--last", "2", "--no-follow"], { env });
  t.is(code, 0);
  t.is(stderr, "");
  t.is(
    stdout,
    `2026-11-22T12:00:00.000Z  signet.audit.token.denied.service  -  4  -  -
2026-11-22T12:00:00.000Z  signet.audit.token.issued.service  -  5  -  -
`,
  );
});

testWithNats("the options choose the events, and --last counts the chosen ones", async (t) => {
  const { env } = await stream(t, EVENTS);
  for (const [words, found] of [
    [["--all"], ["1", "2", "3", "4", "5"]],
    [
      ["--all", "--type", "token.issued", "--profile", "service"],
      ["2", "5"],
    ],
    [
      ["--all", "--profile", "service"],
      ["2", "4", "5"],
    ],
    [["--last", "1", "--type", "token.issued", "--profile", "other"], ["3"]],
    [
      ["--last", "100"],
      ["1", "2", "3", "4", "5"],
    ],
    [["--all", "--subject", "signet.audit.token.*.other"], ["3"]],
    [["--last", "0"], []],
  ] as const) {
    const { code, stdout } = await signet(["audit", "tail", "--json", "--no-follow", ...words], { env });
    t.is(code, 0);
    t.deepEqual(ids(stdout), [...found], words.join(" "));
  }
});

testWithNats(
  "filters combine: one option's values are alternatives, and an event satisfies every option",
  async (t) => {
    const server = await startNats(t);
    const connection = await connect({ servers: server.url });
    t.teardown(() => connection.close());
    await ensureStream(connection, 1);
    const publish = (type: string, id: string, event: object) => {
      const body = JSON.stringify({ eventId: id, time: "2026-11-22T12:00:00Z", ...event });
      return connection.jetstream().publish(`signet.audit.${type}.service`, body);
    };
    await publish("token.issued", "1", { tokenIssued: { tokenId: "t1", keyId: "k1", caller: "a" } });
    await publish("token.issued", "2", { tokenIssued: { tokenId: "t2", keyId: "k2", caller: "b" } });
    await publish("token.denied", "3", { tokenDenied: { caller: "b" } });
    await publish("token.revoked", "4", { tokenRevoked: { tokenIds: ["t1", "t2"], caller: "c" } });
    await publish("key.rotated", "5", { keyRotated: { added: ["k3"], removed: ["k1"] } });
    await publish("key.revoked", "6", { keyRevoked: { keyId: "k2", signingKeyId: "k3", caller: "a" } });
    await publish("token.issued", "7", { eventId: "", tokenIssued: { tokenId: "t1" } });
    for (const [words, found] of [
      ["--caller a", ["1", "6"]],
      ["--caller a b", ["1", "2", "3", "6"]],
      ["--caller a --caller b --type token.issued token.denied", ["1", "2", "3"]],
      ["--key k1", ["1", "5"]],
      ["--key k3", ["5", "6"]],
      ["--token t1", ["1", "4"]],
      ["--token t2 --caller b", ["2"]],
      ["--token t2 --profile other", []],
      ["--type token.denied key.rotated --profile service other", ["3", "5"]],
      ["--last 1 --caller b", ["3"]],
      ["--since 1h --key k2", ["2", "6"]],
      ["--since 1h --last 1 --key k2", ["6"]],
      ["--since 0", []],
    ] as const) {
      const { code, stdout, stderr } = await terminal({ env: { SIGNET_NATS_URL: server.url }, now: Date.now }).signet(
        ...["audit", "tail", "--json", "--no-follow", ...words.split(" ")],
      );
      t.is(code, 0, stderr);
      t.deepEqual(ids(stdout), [...found], words);
    }
  },
);

testWithNats("each line says whether a checkpoint covers the event, whatever the filter and the writer", async (t) => {
  const { env, url } = await stream(t, []);
  const connection = await connect({ servers: url });
  t.teardown(() => connection.close());
  const jetstream = connection.jetstream();
  const [log, other] = [createLogWriter("w"), createLogWriter("v")];
  for (const writer of [log, other])
    for (const _ of [0, 1, 2]) await jetstream.publish("signet.audit.token.issued.service", writer.append());
  for (const size of [1, 2]) await jetstream.publish("signet.audit.checkpoint.w", log.checkpointAt(size));
  await jetstream.publish("signet.audit.checkpoint.v", other.checkpointAt(1));
  await jetstream.publish("signet.audit.token.issued.service", body("1"));
  const words = ["audit", "tail", "--all", "--no-follow", "--type", "token.issued"];
  const { code, stdout } = await signet(words, { env });
  t.is(code, 0);
  const marks = stdout
    .trimEnd()
    .split("\n")
    .map((line) => line.split("  ").at(-1));
  t.deepEqual(
    marks,
    ["covered", "covered", "pending", "covered", "pending", "pending", "-"],
    "and none for what is in no log",
  );
  const json = await signet([...words, "--json"], { env });
  t.is(json.stdout.split("\n")[0], log.bodies[0] ?? "", "the bytes of an event stay as they are");
});

testWithNats("on a terminal no byte of an event is a command to it", async (t) => {
  const { env, publish } = await stream(t, []);
  await publish("token.issued.service", "a\u009b2Jb\u202e");
  const { stdout } = await signet(["audit", "tail", "--json", "--no-follow"], { env, tty: true });
  t.true(stdout.includes('"eventId":"a\\u009b2Jb\\u202e"'));
  const piped = await signet(["audit", "tail", "--json", "--no-follow"], { env });
  t.is(piped.stdout, `${body("a\u009b2Jb\u202e")}\n`);
});

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  testWithNats(`it prints later events until ${signal}, and ends with 0`, async (t) => {
    const { env, publish } = await stream(t, EVENTS);
    const line = terminal({ env });
    const ended = line.signet("audit", "tail", "--last", "1", "--json");
    await once(line.io.stdout, "data");
    const more = once(line.io.stdout, "data");
    await publish("token.issued.service", "6");
    await more;
    line.signals.emit(signal, signal);
    const { code, stdout } = await ended;
    t.is(code, 0);
    t.deepEqual(ids(stdout), ["5", "6"]);
    t.is(line.signals.listenerCount(signal), 0);
  });
}

test("while NATS does not answer, a terminal shows that it is waited for, and a signal ends it at once", async (t) => {
  const sockets: Socket[] = [];
  const deaf = createServer((socket) => void sockets.push(socket)).listen(0, "127.0.0.1");
  await once(deaf, "listening");
  t.teardown(() => {
    for (const socket of sockets) socket.destroy();
    deaf.close();
  });
  const { port } = deaf.address() as { port: number };
  const interrupted = async (...words: string[]) => {
    const line = terminal({ tty: true });
    const ended = line.signet("audit", "tail", "--nats", `nats://127.0.0.1:${port}`, ...words);
    await once(line.io.stderr, "data");
    line.signals.emit("SIGINT", "SIGINT");
    return await ended;
  };
  const { code, stderr } = await interrupted();
  t.is(code, 0);
  t.regex(stderr, /^(\rconnecting to NATS \.\.\. \d+ s)+\r +\r$/);
  const stored = await interrupted("--no-follow");
  t.is(stored.code, 2, "what it was asked for was not read");
  t.regex(stored.stderr, /CANCELLED: interrupted: not all stored events were read/);
});

testWithNats("it ends with 0 when its reader closes the pipe, as in `audit tail | head`", async (t) => {
  const { env } = await stream(t, EVENTS);
  for (const words of [[], ["--no-follow"]]) {
    const line = terminal({ env });
    const closes = () => line.io.stdout.emit("error", Object.assign(new Error("write EPIPE"), { code: "EPIPE" }));
    line.io.stdout.once("data", closes);
    t.is((await line.signet("audit", "tail", "--last", "3", ...words)).code, 0);
  }
});

testWithNats("without the stream it ends with 2", async (t) => {
  const server = await startNats(t);
  const { code, stderr } = await signet(["audit", "tail", "--nats", server.url]);
  t.is(code, 2);
  t.regex(stderr, /UNAVAILABLE: cannot read audit events from NATS at nats:.*SIGNET_AUDIT/);
});

test("without NATS it ends with 2, and the password of the URL is not shown", async (t) => {
  const { code, stderr } = await signet(["audit", "tail", "--nats", "nats://user:secret@127.0.0.1:1"]);
  t.is(code, 2);
  t.regex(stderr, /UNAVAILABLE: cannot read audit events from NATS at nats:\/\/\*\*\*@127\.0\.0\.1:1/);
  t.notRegex(stderr, /secret/);
});

for (const words of [
  ["--subject", "signet.audit.>\r\nPUB x 1"],
  ["--subject", "signet.audit.a b"],
  ["--subject", "signet.audit.>.a"],
  ["--subject", "other.>"],
  ["--type", "token.*"],
  ["--profile", "a.>"],
  ["--profile", "a\r\n"],
]) {
  test(`${words.map((word) => JSON.stringify(word)).join(" ")} is refused before NATS is asked`, async (t) => {
    const { code, stderr } = await signet(["audit", "tail", ...words]);
    t.is(code, 2);
    t.regex(stderr, new RegExp(`error: ${words[0]} must be`));
  });
}

for (const words of [
  ["--all", "--last", "3"],
  ["--all", "--since", "1h"],
  ["--subject", "signet.audit.>", "--type", "token.issued"],
]) {
  test(`${words.join(" ")} contradict each other`, async (t) => {
    const { code, stderr } = await signet(["audit", "tail", ...words]);
    t.is(code, 2);
    t.regex(stderr, /cannot be used with option/);
  });
}

test("faults of the filters are reported together, say what is allowed, and repeat no value", async (t) => {
  const token = `eyJhbGciOiJFZERTQSJ9.e30.${"A".repeat(86)}`;
  const { code, stderr } = await signet([
    ..."audit tail --type token.isued --profile a.b --caller".split(" "),
    "a\r\nb",
    ...["--key", "", "--token", token],
  ]);
  t.is(code, 2);
  t.regex(stderr, /--type must be of token\.issued, token\.withheld, .*service\.stopped.*; --profile must be/);
  t.regex(stderr, /--caller must be the name of a caller, .*; it must not contain control characters/);
  t.regex(stderr, /--key must be a key id; it must not be empty/);
  t.regex(stderr, /--token must be the id of a token, as signet token inspect shows it; it must not contain a token/);
  t.notRegex(stderr, /eyJ|a.b;|isued/);
});

for (const since of ["soon", "2026-11-22", "2026-11-22T12:00:00.001Z", "15 m", "-1m"])
  test(`--since ${since} is refused at noon of 2026-11-22`, async (t) => {
    const { code, stderr } = await signet(["audit", "tail", `--since=${since}`]);
    t.is(code, 2);
    t.regex(
      stderr,
      /'--since <time>' .*Allowed: an RFC 3339 time that is not in the future, .* or a duration such as 15m/,
    );
  });

test("a service without NATS has no stream to read", async (t) => {
  const { code, stderr } = await signet(["audit", "tail"], { env: { SIGNET_NATS_URL: "" } });
  t.is(code, 2);
  t.regex(stderr, /--nats \(SIGNET_NATS_URL\) is empty: such a service keeps its events in its spool/);
});

for (const url of ["http://127.0.0.1:8080", "nats://a:4222,ws://b:4222"])
  test(`the servers ${url} are refused, with what is allowed`, async (t) => {
    const { code, stderr } = await signet(["audit", "tail", "--nats", url], { env: {} });
    t.is(code, 2);
    t.regex(stderr, /--nats: must be nats:\/\/host:port or tls:\/\/host:port, several of them with commas/);
  });

test("options for NATS that do not go together are refused by their names, all at once", async (t) => {
  const words = ["--tls-cert", "client.crt", "--creds", "a.creds", "--user-file", "user"];
  const { code, stderr } = await signet(["audit", "tail", ...words], { env: {} });
  t.is(code, 2);
  t.regex(stderr, /--tls-key: must be set, since --tls-cert is; --password-file: must be set, since --user-file is/);
  t.regex(stderr, /--user-file: must be empty: NATS takes one of creds, nkey, and user_file with password_file/);
});

test("what is set by a variable is named by the variable, and what the command line sets by its option", async (t) => {
  const env = { SIGNET_NATS_USER_FILE: "user", SIGNET_NATS_NKEY: "seed" };
  const { code, stderr } = await signet(["audit", "tail", "--creds", "a.creds", "--nkey", "b"], { env });
  t.is(code, 2);
  t.regex(stderr, /--password-file: must be set, since SIGNET_NATS_USER_FILE is; --nkey: must be empty/);
  t.regex(stderr, /; SIGNET_NATS_USER_FILE: must be empty: NATS takes one of/);
});

testWithNats("a CA that did not make the server's certificate, and a user, are named by their options", async (t) => {
  const users = "authorization { user: a, password: b }";
  const nats = await startSecureNats(t, { users });
  const other = await startSecureNats(t);
  const tail = (...words: string[]) => signet(["audit", "tail", "--nats", nats.url, ...words], { env: {} });
  const ca = await tail("--tls-ca", other.ca);
  t.is(ca.code, 2);
  t.regex(ca.stderr, /no CA of --tls-ca, or else of the system, signed the server's certificate/);
  const user = await tail("--tls-ca", nats.ca);
  t.is(user.code, 2);
  t.regex(user.stderr, /'Authorization Violation' \(--creds, --nkey, or --user-file with --password-file\)/);
});

testWithNats("a file that can't be used is named, and what is in it is not", async (t) => {
  const { url } = await stream(t, EVENTS);
  const creds = await secretFile(await tempFolder(t), "a.creds", "geheim");
  const { code, stderr } = await signet(["audit", "tail", "--nats", url, "--creds", creds], { env: {} });
  t.is(code, 2);
  t.regex(stderr, /^error: FILE: the credentials for NATS \(.*a\.creds\) must hold a user's JWT and its seed/);
  t.false(stderr.includes("geheim"));
  await chmod(creds, 0o644);
  const open = await signet(["audit", "tail", "--nats", url, "--creds", creds], { env: {} });
  t.is(open.code, 2);
  t.regex(open.stderr, /^error: FILE: \S+a\.creds has mode 0644/);
});
