import { randomUUID } from "node:crypto";
import { createChangeFilter } from "../../async/changes.ts";
import { pause } from "../../async/timeout.ts";
import type { Findings } from "../../audit/forward/sink.ts";
import type { Config } from "../../config/config.ts";
import { createLiveStore, type LiveStore } from "../../live/live-store.ts";
import { createNatsKeyValue } from "../../nats/bucket/keyvalue.ts";
import { LIVE_BUCKET } from "../../nats/bucket/name.ts";
import type { NatsLink } from "../../nats/link.ts";
import type { JudgeSettings } from "../../nats/settings.ts";
import { createReopeningStore } from "../../replica/reopening-store.ts";
import type { SnapshotFiles } from "../../replica/snapshot-files.ts";
import type { KeyValue } from "../../state/keyvalue.ts";
import type { Log } from "../log.ts";
import { createStreamSettings, levelOf } from "../stream-settings.ts";

/** How the buckets are looked after. Tests replace it. */
export interface Sweeping {
  /** Milliseconds between two sweeps. */
  readonly sweepMs: number;
  readonly judgeSettings: JudgeSettings;
}

/** What both buckets of a replica are opened with. */
export interface BucketParts extends Sweeping {
  readonly config: Config;
  /** On how many servers of a cluster they are stored. */
  readonly replicas: number;
  readonly files: SnapshotFiles;
  /** Unix milliseconds. */
  readonly now: () => number;
  readonly log: Log;
}

const LOOK_MS = 1_000;
const REOPEN_MS = 250;
const GENERATION = "live";

interface NatsLive {
  readonly store: LiveStore;
  /** As of an `OpenLiveStore`. */
  readonly opened: Promise<void>;
  /** Of its bucket. */
  settings(): Findings;
  start(): void;
  /** Never rejects. */
  stop(): Promise<void>;
}

/** The live store that replicas share: a bucket of its own. */
export async function openNatsLive(
  link: NatsLink,
  state: KeyValue,
  { config, replicas, files, now, log, sweepMs, judgeSettings: judge }: BucketParts,
  onSnapshotError: (error: unknown) => void,
): Promise<NatsLive> {
  const settings = createStreamSettings((found) => log(levelOf(found), { type: "live.settings", ...found }));
  const report = (damage: string) => log("warn", { type: "live.damaged", damage });
  const bucket = createReopeningStore(
    () => createNatsKeyValue(link, { name: LIVE_BUCKET, replicas, now, report, onSettings: settings.take, judge }),
    (error) => {
      log("error", { type: "live.lost", error });
      live.lost();
    },
  );
  const isNew = createChangeFilter();
  function onError(error: unknown): void {
    // An outage of the connection is reported by the link.
    if (link.connection === undefined || !isNew(String(error))) return;
    log("warn", { type: "live.failed", error });
  }
  const remembered = await files.load(GENERATION);
  const look = () => bucket.call((store) => store.look());
  const live = createLiveStore({
    store: bucket.store,
    look,
    outages: () => link.outages,
    state,
    remembered: remembered && Buffer.from(remembered).toString(),
    remember: (id) => files.save(GENERATION, Buffer.from(id)).catch(onSnapshotError),
    newId: randomUUID,
    now,
    monotonic: () => performance.now(),
    async storeTime() {
      const { offsetMs, boundMs } = await bucket.call((store) => store.clockOffset());
      return Math.ceil(now() + offsetMs + boundMs);
    },
    skewMs: config.clockSkewMs,
    onBegun: (lost) => log(lost ? "error" : "info", { type: "live.begun", lost }),
    onError,
  });
  const stopping = new AbortController();
  const { signal } = stopping;
  const timers: NodeJS.Timeout[] = [];
  let learning: Promise<void> | undefined;
  const everyMs = (ms: number, work: () => Promise<unknown>) =>
    timers.push(setInterval(() => void work().catch(onError), ms));

  /** Whatever any replica has written, this one notices if the bucket forgets it. */
  async function learn(): Promise<void> {
    while (!signal.aborted) {
      await bucket.call((store) => store.learnRevisions(signal)).catch((error) => signal.aborted || onError(error));
      await pause(REOPEN_MS, signal);
    }
  }

  return {
    store: live,
    opened: live.opened,
    settings: () => settings.current,
    start() {
      live.start();
      learning = learn();
      everyMs(LOOK_MS, look);
      everyMs(sweepMs, () => bucket.call((store) => store.sweep()));
    },
    async stop() {
      for (const timer of timers) clearInterval(timer);
      stopping.abort();
      await Promise.all([live.stop(), learning]);
    },
  };
}
