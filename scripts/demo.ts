import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Child, startChild } from "./run/child.ts";
import { type Endpoint, parseEndpoint, refuseTaken } from "./run/endpoint.ts";
import { type Nats, provideNats } from "./run/nats.ts";
import { startReplicas } from "./run/replicas.ts";
import { RunError } from "./run/run-error.ts";
import { address, readSettings, type Settings } from "./run/settings.ts";
import { until } from "./run/until.ts";

const EXAMPLE = join(import.meta.dirname, "..", "examples", "gateway");

/** Other ports than those of `make run`, so that both can run. */
const PORTS = {
  SIGNET_GRPC_ADDRESS: "127.0.0.1:50061",
  SIGNET_HTTP_ADDRESS: "127.0.0.1:8091",
  SIGNET_NATS_URL: "nats://127.0.0.1:4232",
  GATEWAY_ADDRESS: "127.0.0.1:8090",
  BACKEND_ADDRESS: "127.0.0.1:8092",
};

/** Keys rotate in seconds, so that one can watch it. The only verifier asks Signet itself, and caches no key. */
const QUICK_ROTATION = {
  SIGNET_ROTATION_VERIFIER_CACHE: "2s",
  SIGNET_ROTATION_PROPAGATION: "1s",
  SIGNET_ROTATION_STOP_USING: "1s",
  SIGNET_ROTATION_CLOCK_SKEW: "1s",
  SIGNET_ROTATION_ACTIVATION_DELAY: "1s",
};

/** The gateway's connections get a second to answer a close frame, and Signet the slots that they had. */
const GRACE_MS = 10_000;
const ANSWER_MS = 1_000;

/** Runs Signet, NATS, the example gateway and the example backend until the signal aborts. */
async function demo(given: NodeJS.ProcessEnv, signal: AbortSignal): Promise<void> {
  await using folder = await temporaryFolder();
  const env = { ...PORTS, SIGNET_LOG_LEVEL: "warn", ...QUICK_ROTATION, ...given, SIGNET_DATA: folder.path };
  const settings = readSettings(env);
  const gatewayAt = parseEndpoint("the gateway", "GATEWAY_ADDRESS", env.GATEWAY_ADDRESS);
  const pageAt = parseEndpoint("the page", "BACKEND_ADDRESS", env.BACKEND_ADDRESS);
  for (const endpoint of [settings.replicas[0].grpc, settings.replicas[0].http, gatewayAt, pageAt])
    await refuseTaken(endpoint);
  await using nats = await provideNats(settings, env, signal);
  await using replicas = await startReplicas(settings, nats, env, signal);
  const shared = { ...env, SIGNET_ADDRESS: address(settings.replicas[0].grpc) };
  await using gateway = startExample("the gateway", "gateway/main.ts", {
    ...shared,
    GATEWAY_ORIGINS: originOf(pageAt),
  });
  await until(() => answers(`${originOf(gatewayAt)}/livez`), gateway, signal);
  await using backend = startExample("the backend", "backend/main.ts", {
    ...shared,
    GATEWAY_URL: originOf(gatewayAt),
    ...natsVariables(nats),
  });
  await until(() => answers(originOf(pageAt)), backend, signal);
  console.log(ready(settings, nats, gatewayAt, pageAt));
  await untilOneEnds([...replicas.children, gateway, backend, ...(nats?.child ? [nats.child] : [])], signal);
}

async function temporaryFolder() {
  const path = await mkdtemp(join(tmpdir(), "signet-demo-"));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}

function startExample(name: string, program: string, env: NodeJS.ProcessEnv): Child {
  return startChild(name, [process.execPath, join(EXAMPLE, program)], env, GRACE_MS);
}

function originOf(endpoint: Endpoint): string {
  return `http://${address(endpoint)}`;
}

/** The page reads the audit log as an auditor. */
function natsVariables(nats: Pick<Nats, "url" | "users"> | undefined): NodeJS.ProcessEnv {
  if (nats === undefined) return { NATS_URL: "" };
  const { user = "", password = "" } = nats.users?.auditor ?? {};
  return { NATS_URL: nats.url, NATS_USER_FILE: user, NATS_PASSWORD_FILE: password };
}

async function answers(url: string): Promise<boolean> {
  try {
    return (await fetch(url, { signal: AbortSignal.timeout(ANSWER_MS) })).ok;
  } catch {
    return false;
  }
}

function ready({ replicas: [{ grpc }] }: Settings, nats: Nats | undefined, gateway: Endpoint, page: Endpoint): string {
  return [
    "",
    `Signet: ${address(grpc)}. NATS: ${nats?.url ?? "none, so no audit events"}. The gateway: ${address(gateway)}.`,
    `Open ${originOf(page)}/ in a browser (Ctrl-C here stops everything, and removes its data).`,
    "",
  ].join("\n");
}

/** Throws a {@link RunError} when a part ends by itself, and the signal's reason when it aborts. */
async function untilOneEnds(children: readonly Child[], signal: AbortSignal): Promise<never> {
  signal.throwIfAborted();
  const interrupted = new Promise<never>((_, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  });
  const ends = children.map(async ({ name, ended }) => `${name} ended by itself (${await ended}); stopping`);
  throw new RunError(await Promise.race([interrupted, ...ends]));
}

process.chdir(join(import.meta.dirname, ".."));
process.umask(0o077);
const stopping = new AbortController();
for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(name, () => stopping.abort());
try {
  await demo(process.env, stopping.signal);
} catch (error) {
  if (!stopping.signal.aborted) {
    console.error(error instanceof RunError ? `make demo: ${error.message}` : error);
    process.exitCode = 1;
  }
}
