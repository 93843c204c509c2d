import type { ExecutionContext } from "ava";
import { type ClusterInfo, connect } from "nats";
import { freePort } from "../service/free-port.ts";
import { waitUntil } from "../wait-until.ts";
import { type NatsServer, startNats } from "./nats-server.ts";

export interface NatsCluster {
  readonly nodes: ReadonlyMap<string, NatsServer>;
  readonly urls: readonly string[];
  /** Resolves with the node that leads the stream, when there is one. */
  leaderOf(stream: string): Promise<NatsServer>;
  /** Resolves when every node has the whole stream. Stopping a node earlier could lose the majority. */
  whole(stream: string): Promise<void>;
}

/** Three nats-servers with a JetStream that answers, on loopback ports. They are killed after the test. */
export async function startNatsCluster(t: Pick<ExecutionContext<unknown>, "teardown">): Promise<NatsCluster> {
  const names = ["north", "east", "south"];
  const ports = await Promise.all(names.map(() => freePort()));
  const routes = ports.map((port) => `nats://127.0.0.1:${port}`);
  const nodes = new Map<string, NatsServer>();
  for (const [at, name] of names.entries()) {
    const cluster = ["--cluster", routes[at] ?? "", "--routes", routes.join(","), "--cluster_name", "test"];
    nodes.set(name, await startNats(t, { flags: ["--server_name", name, ...cluster] }));
  }
  const urls = [...nodes.values()].map(({ url }) => url);
  await waitUntil("the cluster has a leader", () => answers(urls), 20_000);
  return {
    nodes,
    urls,
    whole: (stream) =>
      waitUntil(`all nodes have ${stream}`, async () => {
        const cluster = await clusterOf(urls, stream);
        const followers = cluster?.replicas?.filter(({ current, offline }) => current && offline !== true);
        return cluster?.leader !== undefined && followers?.length === names.length - 1;
      }),
    async leaderOf(stream) {
      let leader: NatsServer | undefined;
      await waitUntil(`${stream} has a leader`, async () => {
        leader = nodes.get((await clusterOf(urls, stream))?.leader ?? "");
        return leader !== undefined;
      });
      if (leader === undefined) throw new Error(`${stream} has no leader`);
      return leader;
    },
  };
}

async function answers(urls: readonly string[]): Promise<boolean> {
  return (await asked(urls, async (manager) => await manager.getAccountInfo())) !== undefined;
}

async function clusterOf(urls: readonly string[], stream: string): Promise<ClusterInfo | undefined> {
  return (await asked(urls, async (manager) => await manager.streams.info(stream)))?.cluster;
}

type Manager = Awaited<ReturnType<Awaited<ReturnType<typeof connect>>["jetstreamManager"]>>;

async function asked<Answer>(
  urls: readonly string[],
  ask: (manager: Manager) => Promise<Answer>,
): Promise<Answer | undefined> {
  try {
    const connection = await connect({ servers: [...urls], reconnect: false, timeout: 1000 });
    try {
      return await ask(await connection.jetstreamManager({ checkAPI: false, timeout: 1000 }));
    } finally {
      await connection.close();
    }
  } catch {
    return undefined;
  }
}
