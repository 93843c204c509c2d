import { execFile } from "node:child_process";
import { connect } from "node:net";
import { join } from "node:path";
import { promisify } from "node:util";
import { type Child, startChild } from "./child.ts";
import { type Endpoint, refuseTaken } from "./endpoint.ts";
import { type NatsUsers, provideUsers } from "./nats-users.ts";
import { RunError } from "./run-error.ts";
import { address, type Settings } from "./settings.ts";
import { findTool } from "./tool.ts";
import { until } from "./until.ts";

const GRACE_MS = 5_000;
/** Long enough for a busy machine: one that nobody answers is refused at once. */
const ANSWER_MS = 5_000;

/** A NATS server to use. `child` is set when this process started it. */
export interface Nats extends AsyncDisposable {
  readonly url: string;
  /** Set with `child`. */
  readonly users?: NatsUsers;
  readonly child?: Child;
}

/**
 * Uses the server that NATS_URL names if it answers, else starts one. Undefined when nats-server is missing; the spool
 * then keeps the audit events.
 */
export async function provideNats(
  { runningNats, nats, data }: Settings,
  env: NodeJS.ProcessEnv,
  signal: AbortSignal,
): Promise<Nats | undefined> {
  if (runningNats && env.NATS_URL) {
    if (await answers(runningNats)) return { url: env.NATS_URL, async [Symbol.asyncDispose]() {} };
    console.log(`NATS_URL: no NATS server answers at ${address(runningNats)}; starting one at ${address(nats)}`);
  }
  const program = await findTool("nats-server", signal, { fetch: true });
  if (program === undefined) {
    console.log("Running without NATS: audit events stay in the spool until there is a server.");
    return undefined;
  }
  await refuseTaken(nats, `, or name the NATS server there with NATS_URL=nats://${address(nats)}`);
  const store = join(data, "nats");
  await makeFolder(store, signal);
  const users = provideUsers(store);
  const child = startNats(program, nats, store, users, env);
  await using starting = new AsyncDisposableStack();
  starting.use(child);
  await until(() => answers(nats), child, signal);
  starting.move();
  return { url: `nats://${address(nats)}`, users, child, [Symbol.asyncDispose]: child[Symbol.asyncDispose] };
}

/** Node's own `mkdirSync` never ends in /proc. The mode is that of the umask. */
async function makeFolder(folder: string, signal: AbortSignal): Promise<void> {
  await promisify(execFile)("mkdir", ["-p", folder], { signal }).catch((error) => {
    signal.throwIfAborted();
    throw new RunError(error.stderr.trim());
  });
}

function startNats(
  program: string,
  nats: Endpoint,
  store: string,
  { config }: NatsUsers,
  env: NodeJS.ProcessEnv,
): Child {
  const listen = ["--addr", nats.host, "--port", String(nats.port)];
  const log = join(store, "nats.log");
  const storage = ["--jetstream", "--store_dir", store, "--log", log, "--config", config];
  return startChild(`nats-server, whose log is ${log},`, [program, ...listen, ...storage], env, GRACE_MS);
}

/** Whether a NATS server answers in time. The server speaks first, and begins with INFO. */
function answers({ host, port }: Endpoint): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, timeout: ANSWER_MS });
    const end = (greeted: boolean) => {
      socket.destroy();
      resolve(greeted);
    };
    socket.once("data", (greeting) => end(greeting.toString("latin1").startsWith("INFO ")));
    socket.once("timeout", () => end(false));
    socket.once("error", () => end(false));
    socket.once("close", () => end(false));
  });
}
