import { AsyncLocalStorage } from "node:async_hooks";
import type { Attributes, SpanContext } from "@opentelemetry/api";
import { endsWithin } from "../async/timeout.ts";
import type { CallTrace, CallTracing, Publication } from "../trace/call-trace.ts";
import { callerSpan } from "./caller-span.ts";
import { createCallTime, NamedCall, RecordedCall } from "./calls.ts";
import { type Collector, openExporter } from "./collector.ts";
import { loadLibraries } from "./libraries.ts";
import { ATTRIBUTE, RESOURCE } from "./names.ts";
import { type SpanFigures, SpanQueue } from "./queue.ts";
import { createSampler, type Sampling } from "./sampler.ts";

/** How long a stop waits for a collector at most, in milliseconds. */
const FLUSH_MS = 3_000;

/** How traces are made, and where they go. */
export interface TraceSettings extends Collector, Sampling {
  readonly version: string;
  /** Where calls arrive: `host:port` or `unix:/path`. */
  readonly address: string;
}

/** Traces as the composition sees them. */
export interface Tracing extends CallTracing {
  /** Names this process (`service.instance.id`). Nothing is exported before. */
  name(instance: string): void;
  /** Records that events were stored in the stream, each under the call that caused it. */
  published(publications: readonly Publication[]): void;
  readonly figures: SpanFigures;
  /** Exports what waits, within `leftMs` and {@link FLUSH_MS}. Never rejects. */
  stop(leftMs: number): Promise<void>;
}

/**
 * Opens traces. They are handed on explicitly and by the asynchronous context: nothing is registered for the process,
 * so that no other library is traced.
 *
 * `onLost` is called whenever spans were lost, and with the empty text whenever an export succeeded. Rejects with the
 * StartError TRACES_PACKAGES or TRACES_FILES. An unreachable collector is no error.
 */
export async function openTracing(settings: TraceSettings, onLost: (message: string) => void): Promise<Tracing> {
  const libraries = await loadLibraries();
  const { api, core, sdk, resources } = libraries;
  const queue = new SpanQueue(await openExporter(settings, libraries), libraries, onLost);
  const named = Promise.withResolvers<string>();
  const own = { [RESOURCE.name]: "signet", [RESOURCE.version]: settings.version, [RESOURCE.instance]: named.promise };
  const { resourceAttributesEnvDetector, serviceNameEnvDetector } = resources;
  const provider = new sdk.TracerProvider({
    resource: resources
      .defaultResource()
      .merge(resources.resourceFromAttributes(own))
      .merge(resources.detectResources({ detectors: [resourceAttributesEnvDetector, serviceNameEnvDetector] })),
    // The decision is made before there is a span: a call that is not recorded shall cost nothing.
    sampler: new sdk.AlwaysOnSampler(),
    spanProcessors: [queue],
  });
  const tracer = provider.getTracer("signet", settings.version);
  const ids = new sdk.RandomIdGenerator();
  const isSampled = createSampler(settings, Math.random, () => performance.now());
  const calls = new AsyncLocalStorage<(CallTrace & { readonly ended: boolean }) | undefined>();
  const onServer = { [ATTRIBUTE.rpcSystem]: "grpc", ...serverAttributes(settings.address) };

  function begin(method: string, caller: SpanContext | undefined): RecordedCall | NamedCall | undefined {
    if (!isSampled(caller)) return caller && new NamedCall(caller, ids.generateSpanId());
    const time = createCallTime();
    const attributes = { ...onServer, [ATTRIBUTE.rpcMethod]: method };
    const options = { kind: api.SpanKind.SERVER, attributes, startTime: time() };
    return new RecordedCall(tracer.startSpan(method, options, contextOf(caller)), tracer, api, time);
  }

  function contextOf(span: SpanContext | undefined) {
    return span === undefined ? api.ROOT_CONTEXT : api.trace.setSpanContext(api.ROOT_CONTEXT, span);
  }

  return {
    run(method, headers, serve) {
      // Also without a trace: the code that runs may belong to another call, whose turn has let this one begin.
      calls.run(begin(method, callerSpan(headers, libraries)), serve);
    },
    get current() {
      const call = calls.getStore();
      return call?.ended === false ? call : undefined;
    },
    name: named.resolve,
    published(publications) {
      for (const { traceparent, subject, eventId, startedAt, endedAt } of publications) {
        const attributes = {
          [ATTRIBUTE.messagingSystem]: "nats",
          [ATTRIBUTE.messagingOperation]: "publish",
          [ATTRIBUTE.messagingOperationType]: "send",
          [ATTRIBUTE.messagingDestination]: subject,
          [ATTRIBUTE.messagingMessageId]: eventId,
        };
        const options = { kind: api.SpanKind.PRODUCER, attributes, startTime: startedAt };
        const call = core.parseTraceParent(traceparent) ?? undefined;
        tracer.startSpan(`publish ${subject}`, options, contextOf(call)).end(endedAt);
      }
    },
    figures: queue,
    async stop(leftMs) {
      const flushed = provider.shutdown().catch(() => undefined);
      if (!(await endsWithin(Math.min(leftMs, FLUSH_MS), flushed)))
        onLost("the last spans were not exported before the stop");
    },
  };
}

/** By the address of the configuration. Port 0, which the system replaces, is left out. */
function serverAttributes(address: string): Attributes {
  if (address.startsWith("unix:")) return { [ATTRIBUTE.serverAddress]: address.replace(/^unix:(\/\/)?/, "") };
  const colon = address.lastIndexOf(":");
  const port = Number(address.slice(colon + 1));
  return { [ATTRIBUTE.serverAddress]: address.slice(0, colon), ...(port > 0 ? { [ATTRIBUTE.serverPort]: port } : {}) };
}
