import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { type ExecutionContext } from "ava";
import { AuditError } from "../../../../src/audit/event.ts";
import { EXIT } from "../../../../src/cli/failure.ts";
import type { Config } from "../../../../src/config/config.ts";
import { KekError } from "../../../../src/jose/kek.ts";
import { KeyringError } from "../../../../src/keys/error.ts";
import { StartError } from "../../../../src/start-error.ts";
import { StateError } from "../../../../src/state/keyvalue.ts";
import { waitUntil } from "../../../support/wait-until.ts";
import { signet, terminal } from "../../terminal.ts";

interface FakeAppOptions {
  /** Resolves when the app has started; it begins to start at once. */
  readonly starting?: Promise<void>;
  readonly stopping?: Promise<void>;
  readonly failed?: Promise<never>;
}

/** An app that records when it began to start, its reloads, and the signals that stopped it. */
function fakeApp({ starting, stopping = Promise.resolve(), failed = new Promise(() => {}) }: FakeAppOptions = {}) {
  const started = Promise.withResolvers<Config>();
  const stopped: string[] = [];
  const reloads = { count: 0 };
  const startApp = async (config: Config) => {
    started.resolve(config);
    await starting;
    return {
      failed,
      async reload() {
        reloads.count += 1;
      },
      stop(signal: string) {
        stopped.push(signal);
        return stopping;
      },
    };
  };
  return { startApp, started: started.promise, stopped, reloads };
}

/** Runs `signet serve` with this app, and resolves when the app begins to start. `ended` is the outcome. */
async function serve(
  app: ReturnType<typeof fakeApp>,
  { env = {}, options = [] }: { readonly env?: Record<string, string>; readonly options?: readonly string[] } = {},
) {
  const { signet: run, signals } = terminal({ startApp: app.startApp, env });
  const ended = run("serve", ...options);
  await Promise.race([app.started, ended]);
  return { ended, signals };
}

for (const signal of ["SIGTERM", "SIGINT"] as const) {
  test(`${signal} stops the service in an orderly way and ends with 0`, async (t) => {
    const app = fakeApp();
    const { ended, signals } = await serve(app);
    signals.emit(signal, signal);
    t.is((await ended).code, 0);
    t.deepEqual(app.stopped, [signal]);
    t.is(signals.listenerCount(signal), 0);
  });
}

test("a second signal does not wait for the orderly stop and ends with 1", async (t) => {
  const app = fakeApp({ stopping: new Promise(() => {}) });
  const { ended, signals } = await serve(app);
  signals.emit("SIGTERM", "SIGTERM");
  signals.emit("SIGINT", "SIGINT");
  t.is((await ended).code, 1);
  t.deepEqual(app.stopped, ["SIGTERM"]);
});

test("a signal during the start stops the service when it has started", async (t) => {
  const release = Promise.withResolvers<void>();
  const app = fakeApp({ starting: release.promise });
  const { ended, signals } = await serve(app);
  signals.emit("SIGTERM", "SIGTERM");
  release.resolve();
  t.is((await ended).code, 0);
  t.deepEqual(app.stopped, ["SIGTERM"]);
});

test("SIGHUP reloads the profiles, and the service keeps running", async (t) => {
  const app = fakeApp();
  const { ended, signals } = await serve(app);
  for (const count of [1, 2]) {
    signals.emit("SIGHUP", "SIGHUP");
    await waitUntil("the profiles were reloaded", () => app.reloads.count === count);
  }
  t.deepEqual(app.stopped, []);
  signals.emit("SIGTERM", "SIGTERM");
  t.is((await ended).code, 0);
  t.is(signals.listenerCount("SIGHUP"), 0);
});

test("a SIGHUP during the start takes effect when the service has started", async (t) => {
  const release = Promise.withResolvers<void>();
  const app = fakeApp({ starting: release.promise });
  const { ended, signals } = await serve(app);
  signals.emit("SIGHUP", "SIGHUP");
  t.is(app.reloads.count, 0);
  release.resolve();
  await waitUntil("the profiles were reloaded", () => app.reloads.count === 1);
  signals.emit("SIGTERM", "SIGTERM");
  t.is((await ended).code, 0);
});

test("a service that finds out while it waits that it can't serve ends with the exit code of its reason", async (t) => {
  const failed = Promise.withResolvers<never>();
  const app = fakeApp({ failed: failed.promise });
  const { ended } = await serve(app);
  failed.reject(new KeyringError("BROKEN_RECORD", "epoch 1 is broken"));
  t.is((await ended).code, 65);
  t.deepEqual(app.stopped, []);
});

test("--data overrides SIGNET_DATA", async (t) => {
  const app = fakeApp();
  const options = ["--data", "/from/option"];
  const { ended, signals } = await serve(app, { env: { SIGNET_DATA: "/from/env" }, options });
  signals.emit("SIGTERM", "SIGTERM");
  t.is((await ended).code, 0);
  t.is((await app.started).data, "/from/option");
});

for (const [what, error, code, name] of [
  ["a data folder in use", new StateError("LOCKED", "data is in use by another process"), 75, "DATA_IN_USE"],
  ["a state that is damaged", new StateError("CORRUPT", "state.db is damaged"), 74, "STATE"],
  ["a state that others may read", new StateError("EXPOSED", "state.db is open to group"), 74, "STATE"],
  ["a spool that is damaged", new AuditError("CORRUPT", "the spool is damaged at 17"), 74, "STATE"],
  ["a key-encryption key that is missing", new KekError("KEK_MISSING", "there is none"), 66, "KEK_MISSING"],
  ["a ring that does not fit its MAC", new KeyringError("BROKEN_RECORD", "epoch 1 is broken"), 65, "KEYS_DAMAGED"],
  ["a sealed key that is damaged", new KeyringError("DAMAGED_KEY", "it does not open"), 65, "KEYS_DAMAGED"],
  ["a sealed key of another", new KeyringError("SWAPPED_KEY", "it belongs to another"), 65, "KEYS_DAMAGED"],
  [
    "a private key that does not match",
    new KeyringError("KEY_MISMATCH", "it has another public key"),
    65,
    "KEYS_DAMAGED",
  ],
  ["an address that is taken", new StartError("CANT_LISTEN", "HTTP can't listen"), 69, "CANT_LISTEN"],
  ["a Node that is too old", new StartError("OLD_NODE", "Signet needs another Node"), 71, "OLD_NODE"],
  ["a key-encryption key that others may read", new KekError("KEK_EXPOSED", "group may read it"), 77, "KEK"],
  ["the wrong key-encryption key", new KeyringError("WRONG_KEK", "sealed under another key"), 77, "KEK"],
  ["an unexpected fault", new TypeError("boom"), 1, "UNEXPECTED"],
] as const) {
  test(`${what} ends with ${code}`, async (t) => {
    const ended = await signet(["serve"], { startApp: () => Promise.reject(error) });
    t.deepEqual(ended, { code, stdout: "", stderr: `error: ${name}: ${error.message}\n` });
  });
}

test("faults of the configuration end serve with 78 and config check with 1, each with its place", async (t) => {
  const file = await configFile(t, "grpc:\n  adress: x\nhttp:\n  address: 7\n");
  const stderr = new RegExp(`faults\n${file}:2 grpc\\.adress: .*\n${file}:4 http\\.address: .*\n$`);
  const refused = await signet(["serve", "--config", file]);
  t.is(refused.code, 78);
  t.regex(refused.stderr, stderr);
  const check = await signet(["config", "check"], { env: { SIGNET_CONFIG: file } });
  t.is(check.code, 1);
  t.is(check.stdout, "");
  t.regex(check.stderr, stderr);
  const json = await signet(["config", "check", "--config", file, "--json"]);
  t.is(json.code, 1);
  t.like(JSON.parse(json.stderr), { code: "CONFIG", faults: [{ file, line: 2, path: "grpc.adress" }, { line: 4 }] });
});

test("config check prints ok and what is in effect, as YAML that can be loaded again, and as JSON", async (t) => {
  const file = await configFile(t, "grpc:\n  address: 127.0.0.1:1234\n");
  const yaml = await signet(["config", "check", "--config", file]);
  t.is(yaml.code, 0);
  t.true(yaml.stdout.startsWith("ok\n"));
  const again = await configFile(t, yaml.stdout.slice(3));
  t.is((await signet(["config", "check", "--config", again])).stdout, yaml.stdout);
  const json = await signet(["config", "check", "--config", file, "--json"]);
  t.is(json.code, 0);
  t.like(JSON.parse(json.stdout), { grpc: { address: "127.0.0.1:1234" } });
});

test("--data overrides SIGNET_DATA for config check as for serve", async (t) => {
  const words = ["config", "check", "--json", "--data", "/option"];
  const { stdout } = await signet(words, { env: { SIGNET_DATA: "/variable" } });
  t.is(JSON.parse(stdout).data, "/option");
});

test("the password of a NATS server is not shown", async (t) => {
  const file = await configFile(t, "nats:\n  url: nats://user:secret@127.0.0.1:4222\n");
  for (const words of [["--json"], []]) {
    const { stdout, stderr } = await signet(["config", "check", "--config", file, ...words]);
    t.notRegex(stdout + stderr, /secret/);
  }
});

test("a keyring that can't read its store ends as the store's own failure does", async (t) => {
  const cause = new StateError("CORRUPT", "entry 7 does not fit its checksum");
  const error = new KeyringError("UNREADABLE", "the epochs can't be read", { cause });
  const ended = await signet(["serve"], { startApp: () => Promise.reject(error) });
  t.deepEqual(ended, { code: 74, stdout: "", stderr: `error: STATE: ${cause.message}\n` });
});

test("every exit code but that of a receipt which is pending is in the help of serve", async (t) => {
  const { stdout } = await signet(["serve", "--help"]);
  const listed = [...stdout.slice(stdout.indexOf("Exit codes:")).matchAll(/^ {2}(\d+) /gm)].map(([, code]) =>
    Number(code),
  );
  t.deepEqual(
    listed,
    Object.values(EXIT).filter((code) => code !== EXIT.pending),
  );
});

async function configFile(t: ExecutionContext, text: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "signet-cli-"));
  t.teardown(() => rm(folder, { recursive: true }));
  const file = join(folder, "signet.yaml");
  await writeFile(file, text);
  return file;
}

test("a loss that no refused start can have named is wrong usage, and starts nothing", async (t) => {
  for (const loss of ["bogus", "events", "events:1", "state:", "spool:a b"]) {
    let starts = 0;
    const startApp = async () => {
      starts += 1;
      throw new Error("started");
    };
    const { code, stderr } = await terminal({ startApp }).signet("serve", "--accept-loss", loss);
    t.is(code, EXIT.failed, loss);
    t.regex(stderr, /Allowed: state:ID, spool:ID or events:FIRST-LAST/);
    t.is(starts, 0);
  }
});
