import { cp, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { parseAllDocuments } from "yaml";
import { withChart } from "../../scripts/chart.ts";
import type { Secrets } from "../chart/kubelet.ts";
import { type Pod, startPod } from "../chart/pod.ts";
import { type Manifest, only, type PodSpec, replicaTemplate } from "../chart/rendered.ts";
import { tempFolder } from "../support/files/temp.ts";
import { startMachines } from "../support/network/machines.ts";
import type { Ending } from "../support/service/shared.ts";
import { emptyHosts, type Hosts } from "./hosts.ts";

const REPLICAS = ["signet-0", "signet-1", "signet-2"] as const;

/** Hosts for NATS, and a cluster of Kubernetes beside them, as far as the lines of a page can tell. */
export interface Cluster {
  readonly hosts: Hosts;
  /** What `helm install` or `helm upgrade` has rendered at last. */
  manifests(): Promise<readonly Manifest[]>;
  /**
   * Starts the replicas of the manifests with the Secrets of `kubectl create secret`, each on its machine, and lets
   * `kubectl port-forward` lead to one.
   */
  startReplicas(): Promise<readonly Pod[]>;
  /** Starts the pod of `helm test`. */
  startTest(): Promise<Pod>;
}

/** Hosts and a cluster on a network of their own, with nothing installed. The operator has a checkout in `~/signet`. */
export async function emptyCluster(t: Ending, archive: string): Promise<Cluster> {
  const { operator, ...at } = startMachines(t, ["1", "2", "3", ...REPLICAS, "operator"]);
  const hostMachines = { 1: at[1], 2: at[2], 3: at[3], operator };
  const hosts = await emptyHosts(t, archive, {
    // That of the machines: host N has the address that ends with N.
    network: "10.77.0",
    under: (host) => hostMachines[host as keyof typeof hostMachines].under,
  });
  const checkout = join(hosts.folder, "operator", "root", "signet");
  await withChart((chart) => cp(chart, join(checkout, "deploy", "helm", "signet"), { recursive: true }));

  const manifests = async () => {
    const documents = parseAllDocuments(await readFile(join(hosts.folder, "manifests.yaml"), "utf8"));
    return documents.map((document) => document.toJS() as Manifest);
  };
  const placement = async () => ({
    manifests: await manifests(),
    secrets: await secretsIn(join(hosts.folder, "secrets")),
    hosts: { "signet.signet.svc": REPLICAS.map((name) => at[name].address) },
  });

  return {
    hosts,
    manifests,
    async startReplicas() {
      const placed = await placement();
      const { spec } = replicaTemplate(placed.manifests);
      await writeFile(join(hosts.folder, "endpoint"), at["signet-0"].address);
      const start = async (name: (typeof REPLICAS)[number]) =>
        startPod(t, spec, { ...placed, name, machine: at[name], claims: { data: await tempFolder(t) } });
      return Promise.all(REPLICAS.map(start));
    },
    async startTest() {
      const placed = await placement();
      const spec = only(placed.manifests, "Pod").spec as unknown as PodSpec;
      return startPod(t, spec, { ...placed, name: "signet-test", machine: operator, claims: {} });
    },
  };
}

/** The Secrets whose files are in folders of their names. */
async function secretsIn(folder: string): Promise<Secrets> {
  return byName(folder, (name) => byName(join(folder, name), (key) => readFile(join(folder, name, key), "utf8")));
}

async function byName<Value>(folder: string, read: (name: string) => Promise<Value>): Promise<Record<string, Value>> {
  const names = await readdir(folder);
  return Object.fromEntries(await Promise.all(names.map(async (name) => [name, await read(name)] as const)));
}
