import { join, relative } from "node:path";
import type { Child } from "./run/child.ts";
import { refuseTaken } from "./run/endpoint.ts";
import { examples } from "./run/examples.ts";
import { provideNats } from "./run/nats.ts";
import { RunError } from "./run/run-error.ts";
import { readSettings } from "./run/settings.ts";
import { isReady, startSignet } from "./run/signet.ts";
import { findTool } from "./run/tool.ts";
import { until } from "./run/until.ts";

const checkout = join(import.meta.dirname, "..");

/** Runs the service beside a NATS server until the signal aborts; stops Signet first, then NATS, whatever happens. */
async function run(env: NodeJS.ProcessEnv, signal: AbortSignal): Promise<void> {
  const settings = readSettings(env);
  await refuseTaken(settings.grpc);
  await refuseTaken(settings.http);
  const grpcurl = shown(await findTool("grpcurl", signal));
  await using nats = await provideNats(settings, env, signal);
  await using signet = startSignet(settings, nats?.url, env);
  await until(() => isReady(settings), signet, signal);
  console.log(examples(settings, grpcurl, nats?.url));
  await unexpectedEnd(nats?.child ? [signet, nats.child] : [signet], signal);
}

/** As a user of the checkout would type it. */
function shown(tool: string | undefined): string | undefined {
  return tool?.startsWith(join(checkout, ".tools")) ? relative(checkout, tool) : tool && "grpcurl";
}

async function unexpectedEnd(children: readonly Child[], signal: AbortSignal): Promise<never> {
  signal.throwIfAborted();
  const interrupted = new Promise<never>((_, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  });
  const message = await Promise.race([
    interrupted,
    ...children.map(async (child) => `${child.name} ended by itself (${await child.ended}); stopping`),
  ]);
  throw new RunError(message);
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
