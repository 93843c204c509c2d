import { join } from "node:path";
import { EXCHANGES, importSecrets } from "../client/exchanges.ts";
import { issuing, type Load, verifying } from "../client/loads.ts";
import { openAuditTrail } from "../servers/audit-trail.ts";
import { createGuard, RULES } from "../servers/guard.ts";
import { startNats } from "../servers/nats.ts";
import { startCollector } from "../servers/peers.ts";
import { type SignetOptions, startSignet } from "../servers/signet.ts";
import { type Contestant, formatCalls, measureCalls } from "./calls.ts";
import type { Bench, Measured } from "./table.ts";

// The service beside itself. Its first variant runs twice: the second row shows how much of a difference is noise.

type Method = "IssueToken" | "VerifyToken";

const LOADS: Readonly<Record<Method, () => Load>> = { IssueToken: issuing, VerifyToken: verifying };
const METHODS = Object.keys(LOADS) as Method[];

/** A variant of the service, by its name. */
type Variants = Readonly<Record<string, SignetOptions>>;

/** Over plaintext, and over mTLS with everything that guards it; then while others shake hands. */
export async function* measureNetwork(bench: Bench): AsyncGenerator<Measured> {
  const guarded = await createGuard(join(bench.folder, "guard"));
  const { handshakes } = bench.options;
  const title = `mTLS, a policy of ${RULES} rules and limits`;
  const beside = { name: `mtls beside ${handshakes} handshakes a second`, handshakes };
  for (const method of METHODS)
    yield await measureVariants(
      bench,
      title,
      method,
      { plaintext: {}, "plaintext again": {}, mtls: { guarded } },
      beside,
    );
}

/** Without traces, and with a share of its calls recorded, by a collector that reads what it gets and answers. */
export async function* measureTraces(bench: Bench): AsyncGenerator<Measured> {
  await using collector = await startCollector();
  const recorded = (ratio: number): SignetOptions => ({
    traces: { endpoint: `http://${collector.address}/v1/traces`, sample_ratio: ratio },
  });
  const variants = { off: {}, "off again": {}, "1 of 100": recorded(0.01), all: recorded(1) };
  for (const method of METHODS) yield await measureVariants(bench, "traces", method, variants);
}

/** One service under each profile that ships. */
export async function* measureProfiles(bench: Bench): AsyncGenerator<Measured> {
  for (const method of METHODS) {
    await using nats = await startNats(join(bench.folder, method, "nats"));
    await using server = await startSignet(nats, join(bench.folder, method, "signet"));
    await importSecrets(server.address);
    const load = method === "IssueToken" ? issuing : verifying;
    const contestants = Object.entries(EXCHANGES).map(([name, exchange]) => ({
      name,
      server,
      load: load(exchange),
      nats,
    }));
    yield await measureRows(bench, `${method} by profile`, method, contestants);
  }
}

/** The last row, if `again` names one, is the last variant again. */
async function measureVariants(
  bench: Bench,
  title: string,
  method: Method,
  variants: Variants,
  again?: Pick<Contestant, "name" | "handshakes">,
): Promise<Measured> {
  await using ends = new AsyncDisposableStack();
  const folder = join(bench.folder, method);
  const nats = ends.use(await startNats(join(folder, "nats")));
  const contestants: Contestant[] = [];
  for (const [name, options] of Object.entries(variants)) {
    const server = ends.use(await startSignet(nats, join(folder, name.replaceAll(" ", "-")), options));
    contestants.push({ name, server, load: LOADS[method](), nats });
  }
  const last = contestants.at(-1);
  if (again && last) contestants.push({ ...last, ...again });
  if (method === "VerifyToken") return await measureRows(bench, `${title}: ${method}`, method, contestants);
  const trail = ends.use(await openAuditTrail(nats));
  const audited = contestants.map((contestant) => ({ ...contestant, trail }));
  return await measureRows(bench, `${title}: ${method}`, method, audited);
}

async function measureRows(
  bench: Bench,
  title: string,
  method: Method,
  contestants: readonly Contestant[],
): Promise<Measured> {
  const { rate, seconds } = bench.options;
  const rows = await measureCalls(bench, contestants, { isLoaded: true, rate, seconds });
  const text = `${title}, latencies at ${rate} calls/s\n${formatCalls(rows, contestants[0]?.name ?? "")}`;
  return { data: { [method]: rows }, text };
}
