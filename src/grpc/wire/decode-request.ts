import type { FileRegistry } from "@bufbuild/protobuf";
import type { MethodDefinition } from "@grpc/grpc-js";
import { Problem } from "../../problem/problem.ts";
import { methodOf } from "../../protobuf/contract.ts";
import { messageShape } from "../../protobuf/message-shape.ts";
import { checkMessage } from "../../protobuf/strict-message.ts";

type Method<Request> = Pick<MethodDefinition<Request, never>, "path" | "requestDeserialize">;

/**
 * The decoder of a method's requests. It refuses what another library may read differently (see `checkMessage`), by the
 * descriptors in the registry, and throws the Problem UNDECODABLE.
 */
export function requestDecoder<Request>(
  { path, requestDeserialize }: Method<Request>,
  registry: FileRegistry,
): (bytes: Buffer) => Request {
  const shape = messageShape(methodOf(registry, path).input);
  return (bytes) => {
    try {
      checkMessage(shape, bytes);
    } catch (cause) {
      throw undecodable(cause, `: ${(cause as Error).message}`);
    }
    try {
      return requestDeserialize(bytes);
    } catch (cause) {
      throw undecodable(cause);
    }
  };
}

function undecodable(cause: unknown, why = ""): Problem {
  return new Problem("UNDECODABLE", `the request is not the protobuf message that this method takes${why}`, { cause });
}
