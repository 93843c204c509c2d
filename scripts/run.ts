import { basename, join, relative } from "node:path";
import { provideCertificates } from "./run/certificates.ts";
import type { Child } from "./run/child.ts";
import { refuseTaken } from "./run/endpoint.ts";
import { examples } from "./run/examples.ts";
import { provideNats } from "./run/nats.ts";
import { startReplicas } from "./run/replicas.ts";
import { RunError } from "./run/run-error.ts";
import { readSettings } from "./run/settings.ts";
import { findTool } from "./run/tool.ts";

const checkout = join(import.meta.dirname, "..");

/** Runs Signet beside a NATS server until the signal aborts. However it ends, Signet stops first, then NATS. */
async function run(env: NodeJS.ProcessEnv, signal: AbortSignal): Promise<void> {
  const settings = readSettings(env);
  for (const { grpc, http } of settings.replicas) {
    await refuseTaken(grpc);
    await refuseTaken(http);
  }
  // Only looked for: building it takes a minute, and Signet's own commands do as well.
  const grpcurl = await findTool("grpcurl", signal, { fetch: false });
  if (grpcurl === undefined) console.log("Without grpcurl, the examples below use Signet's own commands.");
  if (settings.certs !== undefined && (await provideCertificates(settings.certs, signal)))
    console.log(`New certificates are in ${settings.certs}: they are made when one is missing, or ends within a day.`);
  await using nats = await provideNats(settings, env, signal);
  if (nats === undefined && settings.replicas.length > 1)
    throw new RunError("replicas share their state through NATS: without a server only REPLICAS=1 can run");
  await using replicas = await startReplicas(settings, nats, env, signal);
  console.log(examples(settings, grpcurl === undefined ? undefined : asTyped(grpcurl), nats));
  await failWhenStopped(replicas.children, nats?.child, signal);
}

/** The tool's path from the checkout, or its name where it is on PATH. */
function asTyped(tool: string): string {
  return tool.startsWith(join(checkout, ".tools")) ? relative(checkout, tool) : basename(tool);
}

/** Throws a {@link RunError} when NATS or the last replica ends, and the signal's reason when it aborts. */
async function failWhenStopped(
  replicas: readonly Child[],
  nats: Child | undefined,
  signal: AbortSignal,
): Promise<never> {
  signal.throwIfAborted();
  const interrupted = new Promise<never>((_, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  });
  const natsEnded = nats === undefined ? [] : [describeEnd(nats, "stopping")];
  const stopping = new AbortController();
  try {
    throw new RunError(await Promise.race([interrupted, lastEnd(replicas, stopping.signal), ...natsEnded]));
  } finally {
    stopping.abort();
  }
}

/** Resolves with how the last replica ended. Prints how each one before it ended, until `stopping` aborts. */
async function lastEnd(replicas: readonly Child[], stopping: AbortSignal): Promise<string> {
  let left = replicas.length;
  const ends = replicas.map(async (child) => {
    await child.ended;
    left -= 1;
    if (left === 0) return describeEnd(child, "stopping");
    if (!stopping.aborted) console.log(`make run: ${await describeEnd(child, "the others go on")}`);
    return new Promise<string>(() => {});
  });
  return Promise.race(ends);
}

async function describeEnd(child: Child, consequence: string): Promise<string> {
  return `${child.name} ended by itself (${await child.ended}); ${consequence}`;
}

process.chdir(checkout);
// Of the NATS server too, whose files hold every event.
process.umask(0o077);
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
