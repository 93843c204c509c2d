import test from "ava";
import { recordCertificates } from "../../../src/app/listeners/certificate-events.ts";
import type { AuditEvent } from "../../../src/audit/event.ts";
import { createCertificateSource } from "../../../src/tls/certificate-source.ts";

const SET = {} as never;

function recorded(append: (event: AuditEvent) => Promise<void>) {
  const lines: unknown[] = [];
  const [grpc, http, agent] = [SET, SET, SET].map(createCertificateSource);
  const files = { minVersion: "TLSv1.3", readNow: async () => "used" } as const;
  const rules = { profiles: new Map(), policy: { digest: "p1" }, shadow: undefined };
  const run = {
    config: { effective: { profiles: { disable: ["gone"], replace: ["own"] } } },
    log: (level: string, line: unknown) => void lines.push([level, line]),
    now: () => 7,
  };
  const rest = [{ current: () => rules } as never, { append }, run as never] as const;
  recordCertificates({ grpc: { source: grpc, ...files }, http: { source: http, ...files } } as never, ...rest);
  recordCertificates({ grpc: { source: agent, minVersion: "TLSv1.3" }, http: undefined } as never, ...rest);
  return { grpc, http, agent, lines };
}

test("new certificates of a listener's files are an event that names the listener; those of an agent are none", (t) => {
  const events: AuditEvent[] = [];
  const { grpc, http, agent } = recorded(async (event) => void events.push(event));
  agent?.set(SET);
  t.deepEqual(events, []);
  http?.set(SET);
  grpc?.set(SET);
  t.deepEqual(
    events.map((event) => event.type === "configuration.changed" && event.parts),
    [["http.tls"], ["grpc.tls"]],
  );
  t.like(events[0], { policyDigest: "p1", profiles: [], disabled: ["gone"], replaced: ["own"] });
});

test("they are in use although their event can't be stored, which is logged", async (t) => {
  const error = new Error("full");
  const { grpc, lines } = recorded(() => Promise.reject(error));
  t.notThrows(() => grpc?.set(SET));
  await new Promise(setImmediate);
  t.deepEqual(lines, [["warn", { type: "audit.failed", error }]]);
});
