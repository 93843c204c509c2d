import { openHttp1Connection } from "./http1-connection.ts";
import { openHttp2Connection } from "./http2-connection.ts";
import type { Job } from "./job.ts";

/** Called once for each call, with the time of its answer by `performance.now()` and its size. A failed call throws. */
export type OnAnswer = (call: number, at: number, bytes: number) => void;

export interface Connection {
  /** Sends one call with these bytes, as soon as the connection allows. `call` is passed to the callback. */
  send(call: number, message: Buffer): void;
  close(): void;
}

export async function openConnection(job: Job, onAnswer: OnAnswer): Promise<Connection> {
  const expected = Buffer.from(job.expected, "hex");
  if (job.protocol === "http1") return await openHttp1Connection(job.address, expected, onAnswer);
  return await openHttp2Connection(job.address, job.path, expected, onAnswer, job.tls);
}
