import { join } from "node:path";
import {
  DISTINCT_TOKENS,
  issuing,
  issuingBatches,
  issuingByOidcProvider,
  type Load,
  verifying,
} from "../client/loads.ts";
import type { Goal } from "../goals.ts";
import { openAuditTrail } from "../servers/audit-trail.ts";
import { createGuard } from "../servers/guard.ts";
import { startNats } from "../servers/nats.ts";
import { PEERS, startOidcProvider, startPeer } from "../servers/peers.ts";
import { HAS_LIBSODIUM, startSignet } from "../servers/signet.ts";
import { median, ratios } from "../statistics.ts";
import {
  type Contestant,
  cpuOf,
  cpuWithNats,
  formatCalls,
  measureCalls,
  perSecondOf,
  type Row,
  rowOf,
} from "./calls.ts";
import type { Bench, Measured } from "./table.ts";

/** The core of the server under test, and that of everything else. Undefined: whichever the kernel chooses. */
interface Cores {
  readonly server: number | undefined;
  readonly others: number | undefined;
}

/** The library of the peers, so that the rows differ in what the service does, and not in who signs. */
const ed25519 = "openssl";
const LIBSODIUM = "signet, libsodium";

/** The service beside its peers. */
export async function* measureServers(bench: Bench): AsyncGenerator<Measured> {
  const cores = { server: undefined, others: undefined };
  yield await measureIssuing(bench, cores, "");
  yield await measureVerifying(bench, cores, "");
}

/** The same, with the server under test on a core of its own: it takes no part of its work to another core. */
export async function* measurePinned(bench: Bench): AsyncGenerator<Measured> {
  const cores = { server: 0, others: 1 };
  yield await measureIssuing(bench, cores, ", pinned to one core");
  yield await measureVerifying(bench, cores, ", pinned to one core");
}

async function measureIssuing(bench: Bench, cores: Cores, how: string): Promise<Measured> {
  await using ends = new AsyncDisposableStack();
  const folder = join(bench.folder, "issue");
  const nats = ends.use(await startNats(join(folder, "nats"), cores.others));
  const contestants = await startPeers(ends, nats, issuing(), cores);
  if (bench.options.peers) {
    const { server, secret } = await startOidcProvider(cores.server);
    contestants.push({ name: "oidc-provider", server: ends.use(server), load: issuingByOidcProvider({ secret }) });
  }
  const core = cores.server;
  const plain = ends.use(await startSignet(nats, join(folder, "signet"), { core, ed25519 }));
  const guarded = await createGuard(join(folder, "guard"));
  const mtls = ends.use(await startSignet(nats, join(folder, "mtls"), { core, guarded, ed25519 }));
  const trail = ends.use(await openAuditTrail(nats));
  contestants.push(
    { name: "signet", server: plain, load: issuing(), nats, trail },
    { name: "signet, mTLS caller", server: mtls, load: issuing(), nats, trail },
    { name: "signet, batches", server: plain, load: issuingBatches(), nats, trail },
  );
  if (HAS_LIBSODIUM) {
    const server = ends.use(await startSignet(nats, join(folder, "libsodium"), { core }));
    contestants.push({ name: LIBSODIUM, server, load: issuing(), nats, trail });
  }
  const { seconds } = bench.options;
  const rows = await measureCalls(bench, contestants, { isLoaded: true, seconds, core: cores.others });
  return {
    data: { issue: rows },
    text: `IssueToken, each event durable${how}\n${formatCalls(rows, "limit-young")}`,
    goals: goalsOfIssuing(rows, how),
  };
}

async function measureVerifying(bench: Bench, cores: Cores, how: string): Promise<Measured> {
  await using ends = new AsyncDisposableStack();
  const folder = join(bench.folder, "verify");
  const nats = ends.use(await startNats(join(folder, "nats"), cores.others));
  const contestants = await startPeers(ends, nats, verifying(), cores);
  const core = cores.server;
  // Each token is presented many times: after the first time, its signature is known to be good.
  const cached = ends.use(await startSignet(nats, join(folder, "cached"), { core, ed25519, cacheEntries: 10_000 }));
  const plain = ends.use(await startSignet(nats, join(folder, "signet"), { core, ed25519 }));
  contestants.push(
    { name: "signet, cached", server: cached, load: verifying(), nats },
    { name: "signet", server: plain, load: verifying(), nats },
  );
  const { seconds } = bench.options;
  const rows = await measureCalls(bench, contestants, { isLoaded: true, seconds, core: cores.others });
  return {
    data: { verify: rows },
    text: `VerifyToken, ${DISTINCT_TOKENS} tokens in rotation${how}\n${formatCalls(rows, "limit")}`,
    goals: goalsOfVerifying(rows, how),
  };
}

/** Starts new processes for each method, so that none was optimised for the other method. */
async function startPeers(ends: AsyncDisposableStack, nats: Contestant["server"], load: Load, cores: Cores) {
  const contestants: Contestant[] = [];
  for (const peer of PEERS) {
    const server = ends.use(await startPeer(peer, nats, cores.server));
    // The obvious version publishes to NATS too.
    contestants.push({ name: peer.name, server, load, nats });
  }
  return contestants;
}

function goalsOfIssuing(rows: readonly Row[], how: string): Goal[] {
  const signet = rowOf(rows, "signet");
  const limit = rowOf(rows, "limit-young");
  const withNats = median(ratios(cpuWithNats(signet), cpuWithNats(limit)));
  const oidc = rows.find(({ name }) => name === "oidc-provider");
  const tokens = (row: Row) => (oidc ? ratios(cpuOf(oidc), cpuOf(row)) : []);
  const sodium = rows.find(({ name }) => name === LIBSODIUM);
  return [
    {
      what: `IssueToken, CPU of limit-young${how}`,
      bar: { atMost: 1.25 },
      measured: ratios(cpuOf(signet), cpuOf(limit)),
      note: `with the CPU of nats-server ${withNats.toFixed(2)}`,
    },
    ...(oidc
      ? [
          { what: `tokens a CPU second of oidc-provider's${how}`, bar: { atLeast: 2 }, measured: tokens(signet) },
          {
            what: `the same with a caller proven by mTLS${how}`,
            measured: tokens(rowOf(rows, "signet, mTLS caller")),
          },
        ]
      : []),
    ...(sodium
      ? [
          {
            what: `IssueToken by libsodium, CPU of limit-young${how}`,
            bar: { atMost: 1.03 },
            measured: ratios(cpuOf(sodium), cpuOf(limit)),
          },
        ]
      : []),
    ...(sodium && oidc
      ? [
          {
            what: `by libsodium, tokens a CPU second of oidc-provider's${how}`,
            bar: { atLeast: 2.4 },
            measured: tokens(sodium),
          },
        ]
      : []),
    {
      what: `BatchIssueTokens, tokens a CPU second of IssueToken's${how}`,
      bar: { atLeast: 1.5 },
      measured: ratios(cpuOf(signet), cpuOf(rowOf(rows, "signet, batches"))),
    },
    {
      what: `IssueToken, tokens a second of the obvious version's${how}`,
      bar: { atLeast: 1.5 },
      measured: ratios(perSecondOf(signet), perSecondOf(rowOf(rows, "obvious"))),
    },
  ];
}

function goalsOfVerifying(rows: readonly Row[], how: string): Goal[] {
  return [
    {
      what: `VerifyToken, CPU of limit${how}`,
      bar: { atMost: 1.05 },
      measured: ratios(cpuOf(rowOf(rows, "signet")), cpuOf(rowOf(rows, "limit"))),
    },
    {
      what: `VerifyToken of remembered tokens, CPU of echo-young${how}`,
      bar: { atMost: 1.1 },
      measured: ratios(cpuOf(rowOf(rows, "signet, cached")), cpuOf(rowOf(rows, "echo-young"))),
    },
  ];
}
