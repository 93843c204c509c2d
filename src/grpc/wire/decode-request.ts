import { Problem } from "../../problem/problem.ts";

/** The request in a message's bytes; relies on plain-names.ts and strict-messages.ts. Throws the Problem UNDECODABLE. */
export function decodeRequest<Request>(deserialize: (bytes: Buffer) => Request, bytes: Buffer): Request {
  try {
    return deserialize(bytes);
  } catch (cause) {
    throw new Problem("UNDECODABLE", "the request is not the protobuf message that this method takes", { cause });
  }
}
