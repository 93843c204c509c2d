import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import test, { type ExecutionContext } from "ava";
import { tempFolder } from "../support/files/temp.ts";

/** The packages, and the files of this project, that a command loads in a process of its own. */
async function loadedBy(t: ExecutionContext, words: readonly string[]) {
  const record = join(await tempFolder(t), "modules");
  const recorder = import.meta.resolve("./record-modules.ts");
  const env = { ...process.env, RECORD_MODULES: record, SIGNET_ADDRESS: "127.0.0.1:1" };
  const code = await new Promise((resolve) => {
    const ended = (error: { readonly code?: unknown } | null) => resolve(error?.code ?? 0);
    execFile(process.execPath, ["--import", recorder, "src/main.ts", ...words], { env }, ended).stdin?.end();
  });
  const urls = (await readFile(record, "utf8")).split("\n");
  const packages = urls.flatMap((url) => /\/node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(url)?.[1] ?? []);
  const files = urls
    .flatMap((url) => /\/(src\/.*)$/.exec(url)?.[1] ?? [])
    .filter((file) => !file.includes("node_modules"));
  return { code, packages: new Set(packages), files };
}

const commandsOf = (files: readonly string[]) => files.filter((file) => file.startsWith("src/cli/commands/"));
const foldersOf = (files: readonly string[]) => new Set(files.map((file) => file.split("/")[1]));

test("the help of all commands loads commander alone, and only the commands that are in it", async (t) => {
  const { code, packages, files } = await loadedBy(t, ["--help"]);
  t.is(code, 0);
  t.deepEqual([...packages], ["commander"]);
  const listed = ["service/serve.ts", "service/health.ts", "completion.ts"];
  t.deepEqual(
    commandsOf(files),
    listed.map((file) => `src/cli/commands/${file}`),
  );
});

test("token inspect loads neither gRPC nor NATS, and no other command", async (t) => {
  const { code, packages, files } = await loadedBy(t, ["token", "inspect", "eyJhbGciOiJIUzI1NiJ9.e30.c2ln"]);
  t.is(code, 0);
  t.deepEqual([...packages], ["commander"]);
  t.deepEqual(commandsOf(files), ["src/cli/commands/token/inspect.ts"]);
  t.false(foldersOf(files).has("gen"));
});

test("a call loads gRPC, and no NATS, configuration, CEL or service", async (t) => {
  const { code, packages, files } = await loadedBy(t, ["keys", "plan", "service", "--timeout", "100ms"]);
  t.is(code, 2);
  t.true(packages.has("@grpc/grpc-js"), "control: what is loaded is recorded");
  t.deepEqual(
    ["nats", "yaml", "ajv", "jose", "pino", "@bufbuild/cel"].filter((name) => packages.has(name)),
    [],
  );
  t.deepEqual(commandsOf(files), ["src/cli/commands/keys/plan.ts"]);
  t.deepEqual(
    ["token", "grpc", "http", "nats", "audit", "state"].filter((folder) => foldersOf(files).has(folder)),
    [],
  );
});

test("health loads gRPC and what it calls, and nothing of tokens and keys", async (t) => {
  const { code, packages, files } = await loadedBy(t, ["health", "--timeout", "100ms"]);
  t.is(code, 69);
  t.true(packages.has("@grpc/grpc-js"), "control: what is loaded is recorded");
  t.deepEqual(
    ["nats", "yaml", "ajv", "jose", "pino", "@bufbuild/cel"].filter((name) => packages.has(name)),
    [],
  );
  t.deepEqual(
    files.filter((file) => file.startsWith("src/gen/signet/")),
    [],
  );
});

test("audit tail loads NATS, and no gRPC", async (t) => {
  const { code, packages, files } = await loadedBy(t, ["audit", "tail", "--nats", "nats://127.0.0.1:1"]);
  t.is(code, 2);
  t.true(packages.has("nats"), "control: what is loaded is recorded");
  t.deepEqual(
    ["@grpc/grpc-js", "yaml", "ajv", "jose", "pino"].filter((name) => packages.has(name)),
    [],
  );
  t.deepEqual(commandsOf(files), ["src/cli/commands/audit/tail.ts"]);
});

test("profile check loads the profiles, and neither gRPC nor NATS", async (t) => {
  const { code, packages, files } = await loadedBy(t, ["profile", "check", "profiles/service.yaml"]);
  t.is(code, 0);
  t.true(packages.has("yaml"), "control: what is loaded is recorded");
  t.deepEqual(
    ["@grpc/grpc-js", "nats", "pino"].filter((name) => packages.has(name)),
    [],
  );
  t.deepEqual(commandsOf(files), ["src/cli/commands/profile/check.ts"]);
});

test("audit verify loads neither NATS nor gRPC for a file", async (t) => {
  const { code, packages, files } = await loadedBy(t, ["audit", "verify", "-"]);
  t.is(code, 1);
  t.deepEqual([...packages], ["commander"]);
  t.deepEqual(commandsOf(files), ["src/cli/commands/audit/verify.ts"]);
});
