import { HANGS_MS } from "../../support/bounded.ts";
import { startNats, testWithNats } from "../../support/nats/nats-server.ts";
import { waitUntil } from "../../support/wait-until.ts";
import { bytes, connectStore } from "./store-under-test.ts";

/** Options that may be used at once. */
const UNCHECKED = { obstacle: () => undefined, prove: async () => {}, certificate: undefined };

testWithNats(
  "learning revisions goes on when one connection replaces another that answers, and ends with an outage",
  async (t) => {
    const server = await startNats(t);
    const { link, store } = await connectStore(t, server.url);
    await store.create("a", bytes("1"));
    const manager = await (await connectStore(t, server.url)).link.connection?.jetstreamManager({ timeout: HANGS_MS });
    const readers = async () => (await manager?.consumers.list("KV_signet").next())?.map(({ name }) => name) ?? [];
    let isLearning = true;
    const learning = store.learnRevisions(new AbortController().signal).finally(() => {
      isLearning = false;
    });
    await waitUntil("it learns", async () => (await readers()).length === 1);
    const [first = ""] = await readers();
    const replaced = link.connection;
    link.renew({ options: { servers: server.url }, ...UNCHECKED });
    await waitUntil("the connection is replaced", () => link.connection !== replaced);
    await replaced?.close();
    await waitUntil("it learns over the other one", async () => (await readers()).some((name) => name !== first));
    t.true(isLearning);
    await server.kill9();
    // The server may have the new reader before it is known here to be open.
    const interrupted = await t.throwsAsync(learning, { message: /the connection to NATS was lost$/ });
    t.like(interrupted, { code: "UNAVAILABLE" });
  },
);
