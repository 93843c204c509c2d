import { createHash, createPublicKey, verify } from "node:crypto";
import { AUDIT_STREAM } from "../../../src/nats/audit/streams.ts";
import { connect, ifThere } from "./connect.ts";

// This shares nothing with the service: it is a second opinion.

/** A checkpoint as it is in the stream. */
export interface StreamCheckpoint {
  readonly seq: number;
  readonly note: string;
  readonly origin: string;
  readonly writer: string;
  readonly size: number;
  readonly root: string;
}

/** All checkpoints of the stream, oldest first. Empty if there is no stream. */
export async function readCheckpoints(url: string): Promise<StreamCheckpoint[]> {
  const connection = await connect({ servers: url });
  try {
    const manager = await connection.jetstreamManager();
    const info = await ifThere(manager.streams.info(AUDIT_STREAM, { subjects_filter: "signet.audit.checkpoint.>" }));
    if (info === undefined || Object.keys(info.state.subjects ?? {}).length === 0) return [];
    const consumer = await connection
      .jetstream()
      .consumers.get(AUDIT_STREAM, { filterSubjects: "signet.audit.checkpoint.>" });
    const found: StreamCheckpoint[] = [];
    for await (const message of await consumer.consume()) {
      found.push({ seq: message.seq, ...parseNoteText(message.string()) });
      if (message.info.pending === 0) break;
    }
    return found;
  } finally {
    await connection.close();
  }
}

export function parseNoteText(note: string): Omit<StreamCheckpoint, "seq"> {
  const [origin = "", size = "", root = ""] = note.split("\n");
  return { note, origin, writer: origin.split("/").at(-1) ?? "", size: Number(size), root };
}

/** Whether the only signature of a note is that of the key, by C2SP signed-note. */
export function isSignedBy(note: string, verifierKey: string): boolean {
  const [, name, id, typed] = /^([^+]+)\+([0-9a-f]{8})\+(.*)$/.exec(verifierKey) ?? [];
  const at = note.indexOf("\n\n") + 1;
  const [, signer, signature = ""] = /^— (\S+) (\S+)\n$/u.exec(note.slice(at + 1)) ?? [];
  const bytes = Buffer.from(signature, "base64");
  const x = Buffer.from(typed ?? "", "base64")
    .subarray(1)
    .toString("base64url");
  const key = createPublicKey({ key: { kty: "OKP", crv: "Ed25519", x }, format: "jwk" });
  return (
    signer === name &&
    bytes.subarray(0, 4).toString("hex") === id &&
    verify(null, Buffer.from(note.slice(0, at)), key, bytes.subarray(4))
  );
}

/** The root of the tree of these leaves (RFC 6962, 2.1), by its definition, in base64. */
export function rootOfBodies(bodies: readonly Uint8Array[]): string {
  return treeHash(bodies).toString("base64");
}

function treeHash(leaves: readonly Uint8Array[]): Buffer {
  const [first] = leaves;
  if (first === undefined) return sha256();
  if (leaves.length === 1) return sha256(Buffer.from([0]), first);
  const half = 2 ** Math.ceil(Math.log2(leaves.length) - 1);
  return sha256(Buffer.from([1]), treeHash(leaves.slice(0, half)), treeHash(leaves.slice(half)));
}

function sha256(...parts: readonly Uint8Array[]): Buffer {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part);
  return hash.digest();
}
