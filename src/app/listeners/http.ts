import type { Limits } from "../../access/limits/limits.ts";
import type { LiveRuleSet } from "../../access/live-rule-set.ts";
import type { Access } from "../../access/question.ts";
import type { EventCounter } from "../../audit/event-counter.ts";
import type { AuditService } from "../../grpc/services/audit.ts";
import { issuerMetadata } from "../../http/discovery.ts";
import type { Metrics } from "../../http/metrics/metrics.ts";
import {
  type Documents,
  type HttpListener,
  type HttpSources,
  type Probes,
  startHttpServer,
} from "../../http/server.ts";
import type { Opening } from "../opening.ts";
import type { Run } from "../run.ts";
import type { Certificates } from "./certificates.ts";

/** What the listeners serve. */
export interface Running {
  readonly live: LiveRuleSet;
  readonly access: Access;
  readonly limits: Limits;
  readonly counter: EventCounter;
  readonly metrics: Metrics;
  readonly opening: Opening;
  readonly certificates: Certificates;
  readonly auditService: AuditService;
}

/** The addresses of HTTP: `internal` is that of the probes, if they have a listener of their own. */
export interface HttpAddresses {
  readonly http: string;
  readonly internal?: string;
}

/** Shows documents and probes at one listener, or each at its own, until the run ends. Rejects with a StartError. */
export async function listenForHttp(run: Run, running: Running, probes: Probes): Promise<HttpAddresses> {
  const { address, internalAddress, maxConnections } = run.config.http;
  const { metrics, certificates } = running;

  async function start(listener: Pick<HttpListener, "address" | "tls">, sources: HttpSources): Promise<string> {
    const onLimit = () => metrics.limited("http.max_connections");
    const server = await startHttpServer({ ...listener, maxConnections }, sources, onLimit);
    run.endings.add(() => server.stop());
    return server.address;
  }

  const documents = documentsOf(run, running);
  const listener = { address, tls: certificates.http };
  if (internalAddress === undefined) return { http: await start(listener, { documents, probes }) };
  const internal = await start({ address: internalAddress }, { probes });
  return { http: await start(listener, { documents }), internal };
}

function documentsOf({ config }: Run, { live, opening }: Running): Documents {
  const { issuer } = config.effective;
  return {
    issuer,
    metadata() {
      const json = issuerMetadata(issuer, live.profiles().values());
      return json === undefined ? undefined : { json, maxAgeSeconds: config.jwksMaxAgeSeconds };
    },
    jwks(keyset) {
      if (keyset !== undefined && ![...config.keysets, ...config.retired].some(({ name }) => name === keyset))
        return undefined;
      const { keys, maxAgeSeconds } = opening.keys.jwks(keyset);
      return { json: JSON.stringify({ keys }), maxAgeSeconds };
    },
  };
}
