import { mkdtempSync, rmSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { findTool } from "../test/support/service/find-tool.ts";
import { openAuditTrail } from "./audit-trail.ts";
import { EXCHANGES, importSecrets } from "./exchanges.ts";
import { CONNECTIONS, type Contestant, measure, type Plan, type Row, STREAMS } from "./measure.ts";
import { DISTINCT_TOKENS, type MethodName } from "./methods.ts";
import { startNats } from "./nats.ts";
import { type Options, readOptions } from "./options.ts";
import type { Server } from "./process.ts";
import { profile } from "./profile.ts";
import { PEERS, startPeer, startSignet } from "./servers.ts";
import { formatTable } from "./table.ts";
import { formatVerdict, judge } from "./verdict.ts";

const options = readOptions(process.argv.slice(2));
const folder = mkdtempSync(join(tmpdir(), "signet-bench-"));
const plan: Plan = { ...options, h2load: findTool("h2load"), folder };
try {
  if (options.profile) process.stdout.write(`${await profileMethod(options.profile)}\n`);
  else process.exitCode = await benchmark(options);
} finally {
  rmSync(folder, { recursive: true });
}

async function benchmark({ only, json }: Options): Promise<number> {
  const results: Partial<Record<MethodName, Row[]>> = {};
  if (!json) process.stdout.write(`${header()}\n`);
  for (const method of only ? [only] : (["issue", "verify"] as const)) {
    const rows = await measureServers(method);
    results[method] = rows;
    if (!json) process.stdout.write(`\n${title(method)}\n${formatTable(rows)}\n`);
  }
  const byProfile: Partial<Record<MethodName, Row[]>> = {};
  for (const method of only ? [only] : (["issue", "verify"] as const)) {
    const rows = await measureProfiles(method);
    byProfile[method] = rows;
    if (!json) process.stdout.write(`\nsignet by profile: ${title(method)}\n${formatTable(rows, "of service")}\n`);
  }
  const verdict = results.issue && judge(results.issue);
  if (json) process.stdout.write(`${JSON.stringify({ header: header(), results, byProfile, verdict })}\n`);
  else if (verdict) process.stdout.write(`\n${formatVerdict(verdict)}\n`);
  return verdict?.passed === false ? 1 : 0;
}

/** Starts new processes for each method, so that none was optimised for the other method. */
async function measureServers(method: MethodName): Promise<Row[]> {
  const nats = await startNats(join(folder, `nats-${method}`));
  const servers: Server[] = [nats];
  const peers: Contestant[] = [];
  for (const name of PEERS) {
    const server = await startPeer(name, nats);
    servers.unshift(server);
    peers.push({ server, settle: async () => 0 });
  }
  const signet = await startSignet(nats, join(folder, `signet-${method}`));
  servers.unshift(signet);
  const contestants = [...peers];
  if (method === "verify") {
    // Each token is presented many times: after the first time, its signature is known to be good.
    const server = await startSignet(nats, join(folder, "signet-cached"), { cacheEntries: 10_000 });
    servers.unshift(server);
    contestants.push({ name: "cached", server, settle: async () => 0 });
  }
  const trail = await openAuditTrail(nats);
  const settle = method === "issue" ? trail.complete : async () => 0;
  try {
    return await measure(method, [...contestants, { server: signet, settle }], plan);
  } finally {
    await trail.close();
    for (const server of servers) await server.stop();
  }
}

/** Measures one service under each profile in turn. */
async function measureProfiles(method: MethodName): Promise<Row[]> {
  const nats = await startNats(join(folder, `nats-profiles-${method}`));
  const servers: Server[] = [nats];
  try {
    const server = await startSignet(nats, join(folder, `signet-profiles-${method}`));
    servers.unshift(server);
    await importSecrets(server.address);
    const contestants = Object.entries(EXCHANGES).map(([name, exchange]) => ({
      name,
      exchange,
      server,
      settle: async () => 0,
    }));
    return await measure(method, contestants, plan);
  } finally {
    for (const server of servers) await server.stop();
  }
}

async function profileMethod(method: MethodName): Promise<string> {
  const nats = await startNats(join(folder, "nats"));
  try {
    return await profile(method, nats, plan);
  } finally {
    await nats.stop();
  }
}

function header(): string {
  const { rounds, seconds, rate, seed } = options;
  const machine = `node ${process.version}, ${availableParallelism()} cores`;
  return `${machine}, ${rounds} rounds of ${seconds} s, latency at ${rate} calls/s (seed ${seed}); medians, ratios within a round`;
}

function title(method: MethodName): string {
  const load = `${CONNECTIONS} connections x ${STREAMS} streams`;
  if (method === "verify") return `VerifyToken, ${load}, own client, ${DISTINCT_TOKENS} tokens in rotation`;
  return `IssueToken, ${load}, ${plan.h2load ? "h2load" : "own client (h2load is not on PATH)"}`;
}
