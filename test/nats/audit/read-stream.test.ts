import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import test from "ava";
import type { Consumer, ConsumerMessages, JetStreamManager, NatsConnection } from "nats";
import { readStream } from "../../../src/nats/audit/read-stream.ts";
import { HANGS_MS } from "../../support/bounded.ts";
import { collect } from "../../support/collect.ts";
import { startNats, testWithNats } from "../../support/nats/nats-server.ts";
import { waitUntil } from "../../support/wait-until.ts";

/** A server that does not answer who makes a consumer, as far as the library shows it. */
function muteServer() {
  const closed = Promise.withResolvers<Error>();
  const made = Promise.withResolvers<ConsumerMessages>();
  let isAsked = false;
  const consume = () => {
    isAsked = true;
    return made.promise;
  };
  const consumers = { get: async () => ({ consume }) as Partial<Consumer> };
  const connection = { closed: () => closed.promise, jetstream: () => ({ consumers }) } as unknown as NatsConnection;
  return {
    server: { connection, manager: {} as JetStreamManager },
    lose: closed.resolve,
    answer: made.resolve,
    asked: () => waitUntil("a consumer is asked for", () => isAsked),
  };
}

function read({ server }: ReturnType<typeof muteServer>, signal: AbortSignal) {
  return collect(readStream(server, { stream: "S", subjects: [">"], from: 1, to: undefined, signal }));
}

test("a reader whose consumer can't be made ends when it is aborted, and a late consumer is closed", async (t) => {
  const mute = muteServer();
  const over = new AbortController();
  const reading = read(mute, over.signal);
  await mute.asked();
  over.abort();
  t.deepEqual(await reading, []);
  const isClosed = new Promise<void>((resolve) => {
    const close = async () => resolve();
    mute.answer({ close } as Partial<ConsumerMessages> as ConsumerMessages);
  });
  await t.notThrowsAsync(isClosed);
});

test("a reader whose consumer can't be made ends with the reason of a connection that is given up", async (t) => {
  const mute = muteServer();
  const reading = read(mute, new AbortController().signal);
  await mute.asked();
  mute.lose(new Error("its user is gone"));
  await t.throwsAsync(reading, { message: "its user is gone" });
});

testWithNats("a reader that is interrupted while its consumer is made keeps no process alive", async (t) => {
  const { url } = await startNats(t);
  const program = fileURLToPath(new URL("./interrupted-reader.ts", import.meta.url));
  // It rejects when the process had to be killed.
  const { stdout } = await promisify(execFile)(process.execPath, [program, url], { timeout: HANGS_MS });
  t.is(stdout, "");
});
