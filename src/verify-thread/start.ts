import { availableParallelism } from "node:os";
import { Worker } from "node:worker_threads";
import { type Batch, readBatch } from "../audit/verify/batch.ts";

/** The entry point of the threads. */
const VERIFY_THREAD = new URL(import.meta.resolve("#verify-thread"));

/** Whole lines of one source. */
export interface SourceChunk {
  readonly source: number;
  readonly chunk: Uint8Array<ArrayBuffer>;
}

export interface SourceBatch {
  readonly source: number;
  readonly batch: Batch;
}

/**
 * Reads chunks of lines in threads, one for each core: parsing and hashing is nearly all of the work. Yields the batches
 * in the order of their chunks. A log of one chunk starts no thread.
 */
export async function* readBatches(
  chunks: AsyncIterable<SourceChunk>,
  threads = availableParallelism(),
  program: URL = VERIFY_THREAD,
): AsyncGenerator<SourceBatch> {
  const readers: Reader[] = [];
  const running: { readonly source: number; readonly batch: Promise<Batch> }[] = [];
  let isFirst = true;
  let next = 0;
  try {
    for await (const { source, chunk } of chunks) {
      if (isFirst) {
        isFirst = false;
        yield { source, batch: readBatch(chunk) };
        continue;
      }
      if (readers.length < threads) readers.push(startReader(program));
      const reader = readers[next++ % readers.length];
      if (reader !== undefined) running.push({ source, batch: reader.read(chunk) });
      // Two for each thread: one that it reads, and one that waits for it.
      if (running.length >= 2 * threads) yield* settled(running.splice(0, 1));
    }
    yield* settled(running);
  } finally {
    await Promise.all(readers.map(({ end }) => end()));
  }
}

async function* settled(
  running: readonly { readonly source: number; readonly batch: Promise<Batch> }[],
): AsyncGenerator<SourceBatch> {
  for (const { source, batch } of running) yield { source, batch: await batch };
}

interface Reader {
  read(chunk: Uint8Array<ArrayBuffer>): Promise<Batch>;
  end(): Promise<unknown>;
}

function startReader(program: URL): Reader {
  const worker = new Worker(program);
  const waiting: PromiseWithResolvers<Batch>[] = [];
  let failure: unknown;
  worker.on("message", (batch: Batch) => waiting.shift()?.resolve(batch));
  worker.on("error", (error) => {
    failure = error;
    for (const { reject } of waiting.splice(0)) reject(error);
  });
  return {
    read(chunk) {
      const batch = Promise.withResolvers<Batch>();
      // It is awaited in its turn; until then nobody would handle a rejection.
      batch.promise.catch(() => {});
      if (failure === undefined) {
        waiting.push(batch);
        worker.postMessage(chunk, [chunk.buffer]);
      } else batch.reject(failure);
      return batch.promise;
    },
    end: () => worker.terminate(),
  };
}
