import { readFileSync } from "node:fs";
import { type Child, startChild } from "./child.ts";
import { address, type Settings } from "./settings.ts";

const GRACE_MS = 15_000;
const ANSWER_MS = 1_000;

/** Starts the service with the Node flags and the command of package.json's start script. */
export function startSignet(settings: Settings, natsUrl: string | undefined, env: NodeJS.ProcessEnv): Child {
  const command = [process.execPath, ...startArguments()];
  const { SIGNET_NATS_URL: _ignored, ...rest } = env;
  return startChild(
    "signet",
    command,
    {
      ...rest,
      SIGNET_DATA: settings.data,
      SIGNET_GRPC_ADDRESS: address(settings.grpc),
      SIGNET_HTTP_ADDRESS: address(settings.http),
      ...(natsUrl === undefined ? {} : { SIGNET_NATS_URL: natsUrl }),
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
