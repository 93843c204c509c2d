import type { LiveRuleSet } from "../../access/live-rule-set.ts";
import type { AuditLog } from "../../audit/event.ts";
import { configHash } from "../digests.ts";
import type { Run } from "../run.ts";
import type { Certificates } from "./certificates.ts";

/**
 * Records each new set of certificates that a listener takes from its files. They are in use before their event is
 * stored: a log that is full must not keep certificates in use that are about to expire.
 */
export function recordCertificates({ grpc, http }: Certificates, live: LiveRuleSet, audit: AuditLog, run: Run): void {
  const { config, log, now } = run;
  const { disable: disabled, replace: replaced } = config.effective.profiles;
  const sections = [
    ["grpc.tls", grpc],
    ["http.tls", http],
  ] as const;
  for (const [part, tls] of sections) {
    // Those that an agent sends, and renews every hour, are no configuration.
    if (tls?.readNow === undefined) continue;
    tls.source.onChange(() => {
      const rules = live.current();
      const hashes = { configHash: configHash(config, rules), policyDigest: rules.policy.digest };
      const what = { profiles: [], disabled, replaced, parts: [part] };
      audit
        .append({ type: "configuration.changed", ...hashes, ...what }, now())
        .catch((error: unknown) => log("warn", { type: "audit.failed", error }));
    });
  }
}
