import { randomBytes } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { ExecutionContext } from "ava";
import { type JetStreamManager, nanos, type StreamConfig } from "nats";
import type { LogEvent } from "../../../src/app/log.ts";
import { wantedBucket } from "../../../src/nats/bucket/config.ts";
import { STATE_BUCKET } from "../../../src/nats/bucket/name.ts";
import { type JudgeSettings, judgeSettings } from "../../../src/nats/settings.ts";
import { tempFolder } from "../files/temp.ts";
import { connect } from "../nats/connect.ts";
import { startNats } from "../nats/nats-server.ts";
import { get } from "../service/get.ts";
import { type Service, startService } from "../service/service.ts";
import { waitUntil } from "../wait-until.ts";

/** A replica in the process of the test. */
interface LocalReplica extends Service {
  readonly log: readonly LogEvent[];
  stop(): Promise<void>;
}

interface StartOptions {
  readonly data?: string;
  readonly firstStart?: boolean;
  readonly sweepMs?: number;
  readonly judge?: JudgeSettings;
}

/** An operator of NATS, who changes the bucket while replicas run. */
export interface BucketOwner {
  readonly manager: JetStreamManager;
  /** Starts a replica, which sweeps five times a second. Resolves when it listens. */
  start(options?: StartOptions): Promise<LocalReplica>;
  /** Creates the bucket with these settings, after the deletion of what is there. */
  replace(config: Partial<StreamConfig>): Promise<void>;
  update(config: Partial<StreamConfig>): Promise<void>;
  /** Removes messages as an operator may, which no watch of the bucket sees. `part` e.g. `keys.>`. */
  purge(part: string): Promise<void>;
  /** Whether a key with this prefix is in the bucket, e.g. `keys.service.`. */
  holds(part: string): Promise<boolean>;
  untilHeld(...parts: readonly string[]): Promise<void>;
  /** Lets everything but heartbeats reach the maximum age, and then raises it to an hour. */
  letAllLapse(): Promise<void>;
}

/** A nats-server for this test, and its operator. */
export async function bucketOwner(t: ExecutionContext): Promise<BucketOwner> {
  const { url } = await startNats(t);
  const kek = join(await tempFolder(t), "kek");
  await writeFile(kek, randomBytes(32).toString("base64url"), { mode: 0o600 });
  const connection = await connect({ servers: url });
  t.teardown(() => connection.close());
  const manager = await connection.jetstreamManager();

  async function parts(): Promise<string[]> {
    const { state } = await manager.streams.info(STATE_BUCKET.stream, { subjects_filter: ">" });
    return Object.keys(state.subjects ?? {}).map((subject) => subject.replace("$KV.signet.", ""));
  }

  const holds = async (part: string) => (await parts()).some((key) => key.startsWith(part));
  const update = async (config: Partial<StreamConfig>) =>
    void (await manager.streams.update(STATE_BUCKET.stream, config));

  return {
    manager,
    async start({ data, firstStart = true, sweepMs = 200, judge = judgeSettings } = {}) {
      const log: LogEvent[] = [];
      const service = await startService(t, {
        ...(data === undefined ? {} : { data }),
        env: {
          SIGNET_STATE_STORE: "nats",
          SIGNET_STATE_FIRST_START: String(firstStart),
          SIGNET_NATS_URL: url,
          SIGNET_KEK_FILE: kek,
        },
        surroundings: { sweeping: { sweepMs, judgeSettings: judge }, log: (_, event) => void log.push(event) },
      });
      return { ...service, log, stop: () => service.app.stop("SIGTERM") };
    },
    async replace(config) {
      // A replica may be faster, and create the bucket with settings of its own.
      await waitUntil("the bucket is replaced", async () => {
        await manager.streams.delete(STATE_BUCKET.stream).catch(() => false);
        return await manager.streams.add({ name: STATE_BUCKET.stream, ...config }).then(
          () => true,
          () => false,
        );
      });
    },
    update,
    async purge(part) {
      await manager.streams.purge(STATE_BUCKET.stream, { filter: `$KV.signet.${part}` });
    },
    holds,
    async untilHeld(...all) {
      for (const part of all) await waitUntil(`the bucket holds ${part}`, () => holds(part));
    },
    async letAllLapse() {
      await update(within(500));
      let left: string[] = [];
      const hasLapsed = async () => {
        left = (await parts()).filter((key) => !key.startsWith("replicas."));
        return left.length === 0;
      };
      // nats-server 2.15 was seen to remove the oldest messages, and then none until the stream was updated again.
      await waitUntil("all has lapsed", hasLapsed, 5_000).catch(() => update(within(400)));
      await waitUntil("all has lapsed", hasLapsed).catch((error) => {
        throw new Error(`${error.message}: ${left.join(", ")} is left`);
      });
      await update({ max_age: nanos(3_600_000), duplicate_window: nanos(120_000) });
    },
  };
}

/** Settings with which all messages lapse within these milliseconds. */
function within(ms: number): Partial<StreamConfig> {
  return { max_age: nanos(ms), duplicate_window: nanos(ms) };
}

/** The settings that Signet itself would give the bucket. */
export const SOUND: Partial<StreamConfig> = wantedBucket(STATE_BUCKET, 1);

/** What a replica waits for before it can issue; empty when it can. */
export async function waitsFor({ url }: Pick<Service, "url">): Promise<string> {
  const response = await get(`${url}/readyz`);
  return response.ok ? "" : (await response.text()).trim();
}

export const untilReady = (replica: Service): Promise<void> =>
  waitUntil("it is ready", async () => (await waitsFor(replica)) === "");

export const untilNamed = (replica: Service, setting: string): Promise<void> =>
  waitUntil(`${setting} is named`, async () => (await waitsFor(replica)).includes(`${setting} of `));
