import { readFileSync } from "node:fs";
import { type Child, startChild } from "./child.ts";
import { address, type Settings } from "./settings.ts";

/** A stop takes at most this long: twice the service's `shutdown.grace` of 10 s, for the calls and for the events, and 5 s. */
const GRACE_MS = 25_000;
const ANSWER_MS = 1_000;

/** Starts the service with the Node flags and the command of package.json's start script. */
export function startSignet(settings: Settings, natsUrl: string | undefined, env: NodeJS.ProcessEnv): Child {
  const command = [process.execPath, ...startArguments()];
  return startChild(
    "signet",
    command,
    {
      ...env,
      SIGNET_DATA: settings.data,
      SIGNET_GRPC_ADDRESS: address(settings.grpc),
      SIGNET_HTTP_ADDRESS: address(settings.http),
      // Unset it would be the default, and the service would look for a server that is not there.
      SIGNET_NATS_URL: natsUrl ?? "",
    },
    GRACE_MS,
  );
}

function startArguments(): string[] {
  const manifest = JSON.parse(readFileSync("package.json", "utf8")) as { scripts: { start: string } };
  return manifest.scripts.start.split(" ").filter((word) => word !== "node");
}

/** Whether the service says that it is ready; false while it does not answer. */
export async function isReady({ http }: Settings): Promise<boolean> {
  try {
    const answer = await fetch(`http://${address(http)}/readyz`, { signal: AbortSignal.timeout(ANSWER_MS) });
    return answer.status === 200;
  } catch {
    return false;
  }
}
