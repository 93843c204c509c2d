import type { Child } from "./child.ts";
import type { Nats } from "./nats.ts";
import type { ReplicaSettings, Settings } from "./settings.ts";
import { isReady, startSignet } from "./signet.ts";
import { until } from "./until.ts";

export interface Replicas extends AsyncDisposable {
  readonly children: readonly Child[];
}

/**
 * Starts the first replica and, when it is ready, the others. Resolves when all are ready. Disposing stops all of them
 * at the same time.
 */
export async function startReplicas(
  settings: Settings,
  nats: Pick<Nats, "url" | "users"> | undefined,
  env: NodeJS.ProcessEnv,
  signal: AbortSignal,
): Promise<Replicas> {
  const children: Child[] = [];
  const replicas: Replicas = {
    children,
    async [Symbol.asyncDispose]() {
      await Promise.all(children.map((child) => child[Symbol.asyncDispose]()));
    },
  };
  const start = async (replica: ReplicaSettings): Promise<void> => {
    const child = startSignet(settings, replica, nats, env);
    children.push(child);
    await until(() => isReady(replica), child, signal);
  };
  await using starting = new AsyncDisposableStack();
  starting.use(replicas);
  const [first, ...others] = settings.replicas;
  await start(first);
  await Promise.all(others.map(start));
  starting.move();
  return replicas;
}
