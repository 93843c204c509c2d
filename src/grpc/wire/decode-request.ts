import { Problem } from "../../problem/problem.ts";

/**
 * Decodes a request; `process/strict-decoding.ts` makes the decoder reject what it would change. Throws the Problem
 * UNDECODABLE.
 */
export function decodeRequest<Request>(deserialize: (bytes: Buffer) => Request, bytes: Buffer): Request {
  try {
    return deserialize(bytes);
  } catch (cause) {
    throw new Problem("UNDECODABLE", "the request is not the protobuf message that this method takes", { cause });
  }
}
