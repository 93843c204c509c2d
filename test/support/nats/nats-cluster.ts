import type { ExecutionContext } from "ava";
import { type ClusterInfo, connect } from "nats";
import { HANGS_MS } from "../bounded.ts";
import { freePort } from "../service/free-port.ts";
import { waitUntil } from "../wait-until.ts";
import { type NatsServer, startNats } from "./nats-server.ts";
import { startTcpProxy, type TcpProxy } from "./tcp-proxy.ts";

export interface NatsCluster {
  readonly nodes: ReadonlyMap<string, NatsServer>;
  readonly urls: readonly string[];
  /** Resolves with the node that leads the stream, when there is one. */
  leaderOf(stream: string): Promise<NatsServer>;
  /** Resolves when every node has the whole stream. Stopping a node earlier could lose the majority. */
  whole(stream: string): Promise<void>;
}

/** A cluster whose nodes can be kept from each other. Clients reach each node all the while. */
export interface DivisibleCluster extends NatsCluster {
  /** The connections between each two nodes. */
  readonly routes: readonly Route[];
  /** Those between this node and the others. */
  routesOf(node: NatsServer): readonly TcpProxy[];
}

interface Route {
  readonly between: readonly string[];
  readonly network: TcpProxy;
}

type Ending = Pick<ExecutionContext<unknown>, "teardown">;

const NAMES = ["north", "east", "south"] as const;

/** Three nats-servers with a JetStream that answers, on loopback ports. They are killed after the test. */
export async function startNatsCluster(t: Ending): Promise<NatsCluster> {
  const addresses = await clusterAddresses();
  return startNodes(t, addresses, () => ["--routes", addresses.join(",")]);
}

/** As {@link startNatsCluster}, with a network between the nodes that a test can make fail. */
export async function startDivisibleCluster(t: Ending): Promise<DivisibleCluster> {
  const addresses = await clusterAddresses();
  const routes: Route[] = [];
  for (const [to, address] of addresses.entries())
    for (const from of NAMES.slice(0, to))
      routes.push({ between: [from, NAMES[to] ?? ""], network: await startTcpProxy(t, address) });
  const cluster = await startNodes(t, addresses, (name, own) => {
    const onward = routes.filter(({ between: [from] }) => from === name).map(({ network }) => network.url);
    // Nodes tell each other's addresses, and connect to them: one where nobody listens leaves them their routes alone.
    return ["--cluster_advertise", NOBODY, "--routes", (onward.length > 0 ? onward : [own]).join(",")];
  });
  return {
    ...cluster,
    routes,
    routesOf(node) {
      const [name = ""] = [...cluster.nodes].find(([, own]) => own === node) ?? [];
      return routes.filter(({ between }) => between.includes(name)).map(({ network }) => network);
    },
  };
}

const NOBODY = "127.0.0.1:1";
/** On a busy machine nodes miss each other's heartbeats, and elect again and again. */
const ELECTED_MS = 3 * HANGS_MS;
/** A node that is frozen never answers: then another one is asked. */
const ASK_MS = 3_000;

async function clusterAddresses(): Promise<readonly string[]> {
  const ports = await Promise.all(NAMES.map(() => freePort()));
  return ports.map((port) => `nats://127.0.0.1:${port}`);
}

/** `flags` says how a node of this name and address finds the others. */
async function startNodes(
  t: Ending,
  addresses: readonly string[],
  flags: (name: string, address: string) => readonly string[],
): Promise<NatsCluster> {
  const nodes = new Map<string, NatsServer>();
  for (const [at, name] of NAMES.entries()) {
    const address = addresses[at] ?? "";
    const own = ["--server_name", name, "--cluster_name", "test", "--cluster", address];
    nodes.set(name, await startNats(t, { flags: [...own, ...flags(name, address)] }));
  }
  const urls = [...nodes.values()].map(({ url }) => url);
  await waitUntil("the cluster has a leader", () => answers(urls), ELECTED_MS);
  return {
    nodes,
    urls,
    whole(stream) {
      const isWhole = async () => {
        const cluster = await clusterOf(urls, stream);
        const followers = cluster?.replicas?.filter(({ current, offline }) => current && offline !== true);
        return cluster?.leader !== undefined && followers?.length === NAMES.length - 1;
      };
      return waitUntil(`all nodes have ${stream}`, isWhole, ELECTED_MS);
    },
    async leaderOf(stream) {
      let leader: NatsServer | undefined;
      const isElected = async () => {
        leader = nodes.get((await clusterOf(urls, stream))?.leader ?? "");
        return leader !== undefined;
      };
      await waitUntil(`${stream} has a leader`, isElected, ELECTED_MS);
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
    const connection = await connect({ servers: [...urls], reconnect: false, timeout: ASK_MS });
    try {
      return await ask(await connection.jetstreamManager({ checkAPI: false, timeout: ASK_MS }));
    } finally {
      await connection.close();
    }
  } catch {
    return undefined;
  }
}
