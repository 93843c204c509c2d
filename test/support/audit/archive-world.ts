import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import type { ExecutionContext } from "ava";
import { createUuidV7Generator } from "../../../src/audit/event-id.ts";
import type { SpoolOptions } from "../../../src/audit/spool/options.ts";
import { checkpointSubject } from "../../../src/audit/stream-message.ts";
import { signet } from "../../cli/terminal.ts";
import { makePublisher, startForwarder } from "../files/forwarder-fixture.ts";
import { bodiesOf, issued, makeSpool, TIME } from "../files/spool-fixture.ts";
import { tempFolder } from "../files/temp.ts";
import { connect } from "../nats/connect.ts";
import { type NatsServer, startNats } from "../nats/nats-server.ts";
import { secretFile } from "../nats/secure-nats.ts";
import { waitUntil } from "../wait-until.ts";
import { createLogSigner } from "./log-signer.ts";

/** A writer whose events are forwarded to the stream, and that states checkpoints of them. */
export async function startWriter(
  t: ExecutionContext<unknown>,
  server: NatsServer,
  name: string,
  overrides: Partial<SpoolOptions> = {},
) {
  const spool = await makeSpool(t, { writer: () => name, newId: createUuidV7Generator(), ...overrides });
  startForwarder(t, { spool, sink: makePublisher(t, server) });
  const signer = createLogSigner(name);
  let number = 0;
  return {
    policyLine: signer.policyLine,
    spool,
    /** Writes so many events, until the stream has them. */
    async write(count: number): Promise<void> {
      for (let more = 0; more < count; more++) await spool.append(issued(++number), TIME);
      await waitUntil("the stream has the events", () => spool.acknowledged.position === spool.last);
    },
    bodies: async () => (await bodiesOf(spool)).map(String),
    /** The checkpoint of all events. */
    async note(): Promise<string> {
      return signer.checkpoint(await bodiesOf(spool));
    },
    async checkpoint(): Promise<void> {
      const connection = await connect({ servers: server.url });
      await connection.jetstream().publish(checkpointSubject(name), await this.note());
      await connection.close();
    },
  };
}

/** A stream, a folder for its archive, and the command that archives it, an hour after all was stored. */
export async function archiveWorld(t: ExecutionContext<unknown>, server?: NatsServer) {
  const nats = server ?? (await startNats(t));
  const dir = await tempFolder(t);
  const connection = await connect({ servers: nats.url });
  t.teardown(() => connection.close());
  const manager = await connection.jetstreamManager();
  const env = { SIGNET_NATS_URL: nats.url };
  const now = () => Date.now() + 3_600_000;
  const policyOf = async (...lines: readonly string[]) =>
    secretFile(await tempFolder(t), "policy", `${lines.join("")}quorum none\n`);
  return {
    ...{ nats, dir, connection, manager, env, now, policyOf },
    async archive(...words: readonly string[]) {
      const { code, stdout, stderr } = await signet(["audit", "archive", "--dir", dir, "--json", ...words], {
        env,
        now,
      });
      const done = stdout.split("\n").filter((line) => line !== "");
      return { code, done: done.map((line) => JSON.parse(line)), stderr };
    },
    /** What `audit verify` says of the archive's files, or of the files and what the stream still has. */
    async verify(policy: string, ...more: readonly string[]) {
      const files = (await readdir(dir)).filter((name) => name.endsWith(".ndjson")).map((name) => join(dir, name));
      const words = ["audit", "verify", "--json", "--policy", policy, ...files, ...more];
      const { code, stdout } = await signet(words, { env });
      return { code, ...JSON.parse(stdout) };
    },
    /** The lines of the archive. */
    async lines(): Promise<string[]> {
      const names = (await readdir(dir)).filter((name) => name.endsWith(".ndjson")).toSorted();
      const texts = await Promise.all(names.map((name) => readFile(join(dir, name), "utf8")));
      return texts.flatMap((text) => text.trimEnd().split("\n"));
    },
    names: () => readdir(dir).then((names) => names.toSorted()),
    state: async (stream = "SIGNET_AUDIT") => (await manager.streams.info(stream)).state,
    async exported(): Promise<string> {
      const file = join(await tempFolder(t), "rest.ndjson");
      await signet(["audit", "export", "--out", file], { env });
      return file;
    },
  };
}
