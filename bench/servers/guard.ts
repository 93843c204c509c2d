import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { stringify } from "yaml";
import { createAuthority, writeIssued } from "../../test/support/tls/certificates.ts";
import type { TlsFiles } from "../client/job.ts";

/** TLS, a policy and limits for a service, and the files of the only caller that it serves. */
export interface Guard {
  readonly settings: object;
  readonly client: TlsFiles;
}

/** How many rules the policy has, of which the last one allows the caller. */
export const RULES = 50;

const CALLER = "spiffe://example.org/load";

/** Writes the files of a guarded service into a new folder. */
export async function createGuard(folder: string): Promise<Guard> {
  mkdirSync(folder, { recursive: true });
  const authority = await createAuthority();
  const ca = join(folder, "ca.crt");
  writeFileSync(ca, authority.cert);
  const names = [["ip", "127.0.0.1"] as const, ["dns", "localhost"] as const];
  const server = await writeIssued(folder, "server", await authority.issue({ names }));
  const client = await writeIssued(folder, "client", await authority.issue({ names: [["url", CALLER]] }));
  const policy = join(folder, "policy.yaml");
  writeFileSync(policy, stringify(createPolicy()));
  const tls = { source: "files", cert: server.cert, key: server.key, client_ca: ca };
  return {
    settings: {
      grpc: { address: "127.0.0.1:0", tls },
      callers: { trust_domains: ["example.org"] },
      access: { policy },
    },
    client: { ca, ...client },
  };
}

/** Limits that the load never reaches: what they cost is measured, not what they refuse. */
function createPolicy() {
  const others = Array.from({ length: RULES - 2 }, (_, at) => ({
    methods: ["VerifyToken"],
    profiles: ["service"],
    audiences: [`https://other-${at}.example`],
  }));
  const own = [
    { methods: ["VerifyToken"], profiles: ["service"], audiences: ["https://api.example"] },
    { methods: ["IssueToken"], profiles: ["service"], subjects: [{ prefix: "user-" }], max_ttl: "1h" },
  ];
  const limits = { calls: { per_second: 1_000_000, burst: 100_000 }, calls_at_once: 10_000 };
  return { groups: { load: { callers: [CALLER], limits, rules: [...others, ...own] } } };
}
