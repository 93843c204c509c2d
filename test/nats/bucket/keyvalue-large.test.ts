import { HANGS_MS } from "../../support/bounded.ts";
import { startNats, testWithNats } from "../../support/nats/nats-server.ts";
import { connectStore, watching } from "./store-under-test.ts";

const ENTRIES = 20_000;
const AT_ONCE = 1_000;

// The server cuts a client off that has 64 MB to read; this is half more.
testWithNats(
  "a bucket that is larger than what a server sends at once is read whole, and the connection stays",
  async (t) => {
    const server = await startNats(t);
    const { link, store } = await connectStore(t, server.url);
    await store.create("small/1", new Uint8Array(1));
    const { connection } = link;
    if (connection === undefined) return t.fail("not connected");
    const jetstream = connection.jetstream({ timeout: HANGS_MS });
    // Each is awaited: while its disk stalls, a server drops what it has no room to keep in memory.
    for (let from = 0; from < ENTRIES; from += AT_ONCE)
      await Promise.all(
        Array.from({ length: AT_ONCE }, (_, at) =>
          jetstream.publish(`$KV.signet.large.${from + at}`, new Uint8Array(5_000)),
        ),
      );
    await store.create("small/2", new Uint8Array(1));
    const { generation } = link;
    const seen = await watching(t, store, "large/");
    t.is(seen.keys().length, ENTRIES);
    t.is(await store.sweep(), 0);
    t.is(link.generation, generation);
  },
);
