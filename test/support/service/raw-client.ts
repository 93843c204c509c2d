import { Client, credentials } from "@grpc/grpc-js";
import { bounded } from "../bounded.ts";
import { recordError } from "../leaks/service.ts";
import { OWN_CONNECTION } from "../tls/tls-service.ts";
import type { Ending } from "./shared.ts";

/**
 * A client that sends any bytes to any method and resolves with the bytes of the answer. Rejects with the ServiceError.
 * Without `channel` it speaks plaintext.
 */
export function rawClient(t: Ending, address: string, channel = credentials.createInsecure()) {
  const client = new Client(address, channel, OWN_CONNECTION);
  t.teardown(() => client.close());
  const asItIs = (bytes: Buffer) => bytes;
  return (method: string, bytes: Buffer): Promise<Buffer> =>
    new Promise((resolve, reject) => {
      const options = bounded();
      client.makeUnaryRequest(`/${method}`, asItIs, asItIs, bytes, options, (error, answer) => {
        if (error) recordError(error);
        if (error) reject(error);
        else resolve(answer ?? Buffer.alloc(0));
      });
    });
}
