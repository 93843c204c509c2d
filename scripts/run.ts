import { join, relative } from "node:path";
import type { Child } from "./run/child.ts";
import { refuseTaken } from "./run/endpoint.ts";
import { examples } from "./run/examples.ts";
import { provideNats } from "./run/nats.ts";
import { startReplicas } from "./run/replicas.ts";
import { RunError } from "./run/run-error.ts";
import { readSettings } from "./run/settings.ts";
import { findTool } from "./run/tool.ts";

const checkout = join(import.meta.dirname, "..");

/** Runs Signet beside a NATS server until the signal aborts; stops Signet first, then NATS, whatever happens. */
async function run(env: NodeJS.ProcessEnv, signal: AbortSignal): Promise<void> {
  const settings = readSettings(env);
  for (const { grpc, http } of settings.replicas) {
    await refuseTaken(grpc);
    await refuseTaken(http);
  }
  const grpcurl = shown(await findTool("grpcurl", signal));
  await using nats = await provideNats(settings, env, signal);
  if (nats === undefined && settings.replicas.length > 1)
    throw new RunError("replicas share their state through NATS: without a server only REPLICAS=1 can run");
  await using replicas = await startReplicas(settings, nats?.url, env, signal);
  console.log(examples(settings, grpcurl, nats?.url));
  await unexpectedEnd(replicas.children, nats?.child, signal);
}

/** As a user of the checkout would type it. */
function shown(tool: string | undefined): string | undefined {
  return tool?.startsWith(join(checkout, ".tools")) ? relative(checkout, tool) : tool && "grpcurl";
}

async function unexpectedEnd(replicas: readonly Child[], nats: Child | undefined, signal: AbortSignal): Promise<never> {
  signal.throwIfAborted();
  const interrupted = new Promise<never>((_, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  });
  const told = async (child: Child, then: string) => `${child.name} ended by itself (${await child.ended}); ${then}`;
  const natsEnded = nats === undefined ? [] : [told(nats, "stopping")];
  let over = false;
  try {
    throw new RunError(await Promise.race([interrupted, lastEnded(replicas, told, () => over), ...natsEnded]));
  } finally {
    over = true;
  }
}

/** Resolves with what is told of the last one that ends; those before it are told meanwhile. */
async function lastEnded(
  replicas: readonly Child[],
  told: (child: Child, then: string) => Promise<string>,
  over: () => boolean,
): Promise<string> {
  let left = replicas.length;
  const ends = replicas.map(async (child) => {
    await child.ended;
    left -= 1;
    if (left === 0) return told(child, "stopping");
    if (!over()) console.log(`make run: ${await told(child, "the others go on")}`);
    return new Promise<string>(() => {});
  });
  return Promise.race(ends);
}

process.chdir(checkout);
const stopping = new AbortController();
for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(name, () => stopping.abort());
try {
  await run(process.env, stopping.signal);
} catch (error) {
  if (!stopping.signal.aborted) {
    console.error(error instanceof RunError ? `make run: ${error.message}` : error);
    process.exitCode = 1;
  }
}
