import { Client, credentials } from "@grpc/grpc-js";
import type { ExecutionContext } from "ava";

/**
 * A client that sends any bytes to any method and resolves with the bytes of the answer. Rejects with the ServiceError.
 */
export function rawClient(t: ExecutionContext, address: string) {
  const client = new Client(address, credentials.createInsecure());
  t.teardown(() => client.close());
  const asItIs = (bytes: Buffer) => bytes;
  return (method: string, bytes: Buffer): Promise<Buffer> =>
    new Promise((resolve, reject) => {
      const options = { deadline: Date.now() + 10_000 };
      client.makeUnaryRequest(`/${method}`, asItIs, asItIs, bytes, options, (error, answer) =>
        error ? reject(error) : resolve(answer ?? Buffer.alloc(0)),
      );
    });
}
