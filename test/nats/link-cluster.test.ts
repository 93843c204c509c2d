import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { ExecutionContext } from "ava";
import { type LinkReport, NatsLink } from "../../src/nats/link.ts";
import { tempFolder } from "../support/files/temp.ts";
import { serialTestWithNatsCluster, startNats } from "../support/nats/nats-server.ts";
import { freePort } from "../support/service/free-port.ts";
import { waitUntil } from "../support/wait-until.ts";

/** Two servers of one cluster, which know a single user. Each names the other to its clients. */
async function startPair(t: ExecutionContext): Promise<readonly string[]> {
  const file = join(await tempFolder(t), "nats.conf");
  await writeFile(file, 'authorization { user: "one", password: "one" }\n');
  const ports = await Promise.all([freePort(), freePort()]);
  const routes = ports.map((port) => `nats://127.0.0.1:${port}`).join(",");
  const start = (port: number) =>
    startNats(t, {
      jetstream: false,
      flags: ["-c", file, "--cluster", `nats://127.0.0.1:${port}`, "--routes", routes, "--cluster_name", "pair"],
    });
  return (await Promise.all(ports.map(start))).map(({ url }) => url);
}

const as = (name: string, servers: readonly string[]) => ({ servers: [...servers], user: name, pass: name });

serialTestWithNatsCluster(
  "a cluster that refuses the credentials is reported, and the link can be closed",
  async (t) => {
    const servers = await startPair(t);
    for (const given of [servers, servers.slice(0, 1)]) {
      const reports: LinkReport[] = [];
      const link = new NatsLink(as("two", given), (report) => void reports.push(report));
      const isRefusal = (report: LinkReport) =>
        report.type === "down" && /Authorization Violation/.test(report.message);
      await waitUntil("the refusal is reported", () => reports.some(isRefusal));
      await link.close(1000);
      // A busy machine may not have answered a dial in time before.
      t.is(reports.filter(isRefusal).length, 1);
      t.true(reports.every(({ type }) => type === "down"));
    }
  },
);

serialTestWithNatsCluster(
  "new credentials that a cluster refuses leave the good ones in use, and good ones count",
  async (t) => {
    const servers = await startPair(t);
    const reports: LinkReport[] = [];
    const link = new NatsLink(as("one", servers), (report) => void reports.push(report));
    t.teardown(() => link.close(1000));
    const reported = (type: LinkReport["type"]) =>
      waitUntil(`a report ${type}`, () => reports.some((report) => report.type === type));
    await reported("up");
    const { connection } = link;
    const rest = { obstacle: () => undefined, prove: async () => undefined, certificate: undefined };
    link.renew({ options: as("two", servers), ...rest });
    await reported("not_renewed");
    t.is(link.connection, connection);
    link.renew({ options: as("one", servers), ...rest });
    await reported("renewed");
  },
);
