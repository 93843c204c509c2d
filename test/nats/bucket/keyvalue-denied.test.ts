import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { StateError } from "../../../src/state/keyvalue.ts";
import { tempFolder } from "../../support/files/temp.ts";
import { startNats, testWithNats } from "../../support/nats/nats-server.ts";
import { connectStore } from "./store-under-test.ts";

const ENTRIES = 100;

testWithNats("a reading whose answers to the server are denied ends with the denial and its subject", async (t) => {
  const config = join(await tempFolder(t), "nats.conf");
  const user = '{ user: u, password: u, permissions: { publish: { deny: ["$JS.FC.>"] } } }';
  await writeFile(config, `accounts { ONE { jetstream: enabled, users: [${user}] } }\nno_auth_user: u\n`);
  const { url } = await startNats(t, { flags: ["-c", config] });
  const { store } = await connectStore(t, url);
  // More than the server sends without an answer.
  for (let at = 0; at < ENTRIES; at++) await store.create(`large/${at}`, new Uint8Array(60_000));
  const error = await t.throwsAsync<StateError>(store.list("large/"), {
    message: /^NATS answered Permissions Violation for Publish to "\$JS\.FC\.KV_signet\./,
  });
  t.is(error.code, "UNAVAILABLE");
});
