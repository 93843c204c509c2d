import { readFileSync } from "node:fs";

/** The task of a client process, passed as JSON in its only argument. */
export interface Job {
  readonly address: string;
  readonly path: string;
  /** The first bytes of every correct answer, in hex. */
  readonly expected: string;
  /** A file of gRPC messages, each with its prefix of 5 bytes, to send in rotation. */
  readonly messages: string;
  readonly connections: number;
  readonly seconds: number;
}

export function readJob<T extends Job>(): T {
  return JSON.parse(process.argv[2] ?? "");
}

export function readMessages(path: string): Buffer[] {
  const bytes = readFileSync(path);
  const messages: Buffer[] = [];
  for (let start = 0; start < bytes.length; ) {
    const end = start + 5 + bytes.readUInt32BE(start + 1);
    messages.push(bytes.subarray(start, end));
    start = end;
  }
  return messages;
}
