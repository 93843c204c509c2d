import { parseSpiffeId } from "../../access/spiffe-id.ts";
import { within } from "../../async/timeout.ts";
import { SpiffeError } from "../../spiffe/spiffe-error.ts";
import { createWorkloadApi, type WorkloadApi } from "../../spiffe/workload-api.ts";
import { svidOf, type X509Svid } from "../../spiffe/x509-svid.ts";
import type { CertificateReports } from "../../tls/certificate-files.ts";
import { checkCertificates } from "../../tls/certificate-set.ts";
import { type CertificateSource, createCertificateSource, type SettableSource } from "../../tls/certificate-source.ts";
import { createFailureFilter } from "../keys/keyring-events.ts";
import type { Run } from "../run.ts";

/** How long the start waits for an agent that is about to attest this process. */
const FIRST_SVID_MS = 10_000;
const NAMES = { cert: "the X.509-SVID", key: "the key of the X.509-SVID", ca: "the SPIFFE bundle" };

/**
 * The identity of this process and the bundle of its trust domain, as the SPIFFE Workload API sends them, until the run
 * ends. A set that can't be used is reported, and the last good one stays in use.
 *
 * @throws SpiffeError, CertificateError: no set has come in time that can be used.
 */
export async function openSvid(run: Run, { onUse, onRefused }: CertificateReports): Promise<CertificateSource> {
  const { config, now, stopping } = run;
  const first = Promise.withResolvers<SettableSource>();
  const isNew = createFailureFilter(now);
  let source: SettableSource | undefined;
  let obstacle: unknown = new SpiffeError("UNREACHABLE", `the SPIFFE Workload API at ${config.spiffeSocket} is silent`);

  followSvids(run, createWorkloadApi(config.spiffeSocket), {
    onSvid(svid) {
      requireTrustDomain(svid, config.callers.trustDomains);
      const set = checkCertificates(svid, NAMES, now());
      if (source === undefined) {
        source = createCertificateSource(set);
        first.resolve(source);
      } else {
        source.set(set);
        onUse();
      }
    },
    onError(error) {
      obstacle = error;
      // The stream is opened again and again, and may bring the same each time.
      if (isNew("svid", error)) onRefused(error);
    },
  });
  return within<CertificateSource>({ ms: FIRST_SVID_MS, signal: stopping }, first.promise, () => {
    throw obstacle;
  });
}

interface SvidHandlers {
  readonly onSvid: (svid: X509Svid) => void;
  readonly onError: (error: unknown) => void;
}

function followSvids({ endings }: Run, api: WorkloadApi, { onSvid, onError }: SvidHandlers): void {
  const stopping = new AbortController();
  const following = api.followX509Svids({ onMessage: (message) => onSvid(svidOf(message)), onError }, stopping.signal);
  endings.add(async () => {
    stopping.abort();
    await following;
    api.close();
  });
}

/** A bundle proves names of its own trust domain alone, so those of callers must be of this one. */
function requireTrustDomain({ id }: X509Svid, trustDomains: ReadonlySet<string>): void {
  const trustDomain = parseSpiffeId(id)?.trustDomain;
  if (trustDomain === undefined || !trustDomains.has(trustDomain))
    throw new SpiffeError("BAD_SVID", `${NAMES.cert} is of another trust domain than callers.trust_domains names`);
}
