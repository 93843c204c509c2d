import { once } from "node:events";
import { type ClientReadableStream, credentials, makeClientConstructor, type ServiceError } from "@grpc/grpc-js";
import type { ExecutionContext } from "ava";
import { service } from "grpc-health-check";

interface HealthClient {
  check(request: object, callback: (error: ServiceError | null, answer: { status: string }) => void): void;
  watch(request: object): ClientReadableStream<{ status: string }>;
}

/** A client of `grpc.health.v1`, closed after the test. */
export function healthClient(t: ExecutionContext, address: string) {
  const Health = makeClientConstructor(service as Parameters<typeof makeClientConstructor>[0], "Health");
  const client = new Health(address, credentials.createInsecure());
  t.teardown(() => client.close());
  const { check, watch } = client as unknown as HealthClient;
  const streams: ClientReadableStream<unknown>[] = [];
  return {
    check: (of: string): Promise<string> =>
      new Promise((resolve, reject) => {
        check.call(client, { service: of }, (error, answer) => (error ? reject(error) : resolve(answer.status)));
      }),
    /** Resolves with the list of statuses: the present one, then each change, and CUT when the stream ends. */
    async watch(of: string): Promise<readonly string[]> {
      const statuses: string[] = [];
      const stream = watch.call(client, { service: of });
      streams.push(stream);
      stream.on("error", () => statuses.push("CUT"));
      stream.on("data", ({ status }) => statuses.push(status));
      await once(stream, "data");
      return statuses;
    },
    /** Cancels every watch. */
    unwatch(): void {
      for (const stream of streams) stream.cancel();
    },
  };
}
