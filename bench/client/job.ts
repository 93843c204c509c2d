import { readFileSync } from "node:fs";

export interface TlsFiles {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

/** The task of a client process, passed as JSON in its only argument. */
export interface Job {
  readonly address: string;
  /** The files of a client that proves itself over TLS. Without them the connections are plaintext. */
  readonly tls?: TlsFiles | undefined;
  /** `grpc`: the messages are those of unary calls of `path`. `http1`: they are whole requests. */
  readonly protocol: "grpc" | "http1";
  readonly path: string;
  /** The first bytes of every correct answer, in hex. */
  readonly expected: string;
  /** A file of messages, each with a prefix of 5 bytes as in gRPC, to send in rotation. */
  readonly messages: string;
  readonly connections: number;
  readonly seconds: number;
}

const PREFIX_BYTES = 5;

export function readJob<T extends Job>(): T {
  return JSON.parse(process.argv[2] ?? "");
}

/** The messages as they are sent: the prefix is part of gRPC's alone. */
export function readMessages({ messages: path, protocol }: Job): Buffer[] {
  const bytes = readFileSync(path);
  const skipped = protocol === "grpc" ? 0 : PREFIX_BYTES;
  const messages: Buffer[] = [];
  for (let start = 0; start < bytes.length; ) {
    const end = start + PREFIX_BYTES + bytes.readUInt32BE(start + 1);
    messages.push(bytes.subarray(start + skipped, end));
    start = end;
  }
  return messages;
}

/** Puts the prefix of gRPC before a message: a zero byte (not compressed) and 4 bytes of length. */
export function framed(message: Uint8Array): Buffer {
  const prefix = Buffer.alloc(PREFIX_BYTES);
  prefix.writeUInt32BE(message.length, 1);
  return Buffer.concat([prefix, message]);
}
