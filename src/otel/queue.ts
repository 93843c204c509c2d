import type { ExportResult } from "@opentelemetry/core";
import type { ReadableSpan, SpanExporter, SpanProcessor } from "@opentelemetry/sdk-trace";
import type { Libraries } from "./libraries.ts";

/** How many spans wait for their export at most. A span takes about a kilobyte. */
const MAX_WAITING = 2048;
/** How many spans are exported at once. Encoding them blocks the event loop. */
const BATCH = 256;
/** How long a span waits for others, in milliseconds. */
const DELAY_MS = 2_000;

/** What has become of spans since the start. */
export interface SpanFigures {
  readonly exported: number;
  /** Sent, and refused or not answered. */
  readonly failed: number;
  /** Not sent, because the queue was full. */
  readonly dropped: number;
}

/**
 * Exports spans in the background, and counts them: the library's processor drops spans without a word. A span that
 * finds the queue full is dropped, and no call ever waits for an export.
 */
export class SpanQueue implements SpanProcessor {
  exported = 0;
  failed = 0;
  dropped = 0;
  readonly #batches: SpanProcessor;
  readonly #onLost: (message: string) => void;
  #waiting = 0;

  /** `onLost` is called for each loss, and with the empty text for each success. It MUST NOT throw. */
  constructor(
    exporter: SpanExporter,
    { sdk, core }: Pick<Libraries, "sdk" | "core">,
    onLost: (message: string) => void,
  ) {
    this.#onLost = onLost;
    const succeeded = core.ExportResultCode.SUCCESS;
    this.#batches = new sdk.BatchSpanProcessor({
      exporter: {
        export: (spans, done) => {
          this.#waiting -= spans.length;
          exporter.export(spans, (result) => {
            this.#count(spans.length, result, result.code === succeeded);
            done(result);
          });
        },
        shutdown: () => exporter.shutdown(),
      },
      maxQueueSize: MAX_WAITING,
      maxExportBatchSize: BATCH,
      scheduledDelayMillis: DELAY_MS,
    });
  }

  onStart(): void {}

  onEnd(span: ReadableSpan): void {
    if (this.#waiting === MAX_WAITING) {
      this.dropped += 1;
      this.#onLost(`the queue of ${MAX_WAITING} spans is full`);
      return;
    }
    this.#waiting += 1;
    this.#batches.onEnd(span);
  }

  forceFlush(): Promise<void> {
    return this.#batches.forceFlush();
  }

  /** Exports what waits. */
  shutdown(): Promise<void> {
    return this.#batches.shutdown();
  }

  #count(spans: number, { error }: ExportResult, succeeded: boolean): void {
    if (succeeded) this.exported += spans;
    else this.failed += spans;
    this.#onLost(succeeded ? "" : reasonOf(error));
  }
}

/** Never empty, unlike the text of an error: that of a name with several addresses, or of an answer, may be. */
function reasonOf(error: (Error & { readonly code?: unknown }) | undefined): string {
  return error?.message || `the export failed${error?.code === undefined ? "" : `: ${error.code}`}`;
}
