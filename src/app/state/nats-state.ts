import { endsWithin, within } from "../../async/timeout.ts";
import type { Config } from "../../config/config.ts";
import { KeyringError } from "../../keys/error.ts";
import { createNatsKeyValue } from "../../nats/bucket/keyvalue.ts";
import { NatsLink } from "../../nats/link.ts";
import { createClockCheck } from "../../replica/clock-check.ts";
import { createContact, loadContact, saveContact } from "../../replica/contact.ts";
import { openEntriesSnapshot } from "../../replica/entries-snapshot.ts";
import { createFitness } from "../../replica/fitness.ts";
import { createPresence } from "../../replica/presence.ts";
import { createReopeningStore } from "../../replica/reopening-store.ts";
import { createRevocationFile } from "../../replica/revocations-snapshot.ts";
import type { SnapshotFiles } from "../../replica/snapshot-files.ts";
import { createSnapshottedStore } from "../../replica/snapshotted-store.ts";
import { StateError } from "../../state/keyvalue.ts";
import { configDigests } from "../digests.ts";
import type { Log } from "../log.ts";
import type { SharedState } from "./shared-state.ts";

export interface NatsStateParts {
  readonly config: Config;
  /** Whether the very first keys may be made here. */
  readonly mayBegin: boolean;
  readonly url: string;
  readonly replicas: number;
  /** Of this replica, for ever. */
  readonly id: string;
  readonly version: string;
  readonly files: SnapshotFiles;
  /** Unix milliseconds. */
  readonly now: () => number;
  readonly log: Log;
}

const HEARTBEAT_MS = 2_000;
const SWEEP_MS = 3_600_000;
/** A death must not make the state look older than it is by more than this. */
const SAVE_CONTACT_MS = 10_000;
/** How long a start waits for the store before it goes by what it remembers. */
const PATIENCE_MS = 3_000;
/** Nothing that matters is on its way then: it was answered, or given up. */
const CLOSE_MS = 100;

const monotonic = () => performance.now();

/** State that replicas share through a bucket of NATS. Rejects with a StateError when a snapshot can't be used. */
export async function openNatsState(parts: NatsStateParts): Promise<SharedState> {
  const { config, mayBegin, url, replicas, id, version, files, now, log } = parts;
  const snapshotFailed = (error: unknown) => log("error", { type: "snapshot.failed", error });
  const secretsSnapshot = await openEntriesSnapshot(files, "secrets", snapshotFailed);
  const lastHeard = await loadContact(files);
  /** Undefined until all was opened. */
  let giveBack: (() => void) | undefined;

  const link = new NatsLink({ servers: url, name: `signet ${id}` }, (report) =>
    report.type === "up"
      ? log("info", { type: "store.up", server: report.server })
      : log("warn", { type: "store.down", message: report.message }),
  );
  const differs = (differences: readonly string[]) => log("warn", { type: "store.differs", differences });
  const renewable = createReopeningStore(
    () => createNatsKeyValue(link, { replicas, now, report: differs }),
    (error) => {
      log("error", { type: "store.lost", error });
      giveBack?.();
    },
  );
  const { store } = renewable;

  const contact = createContact({ now, monotonic, lastHeard, maxOfflineMs: config.state.maxOfflineMs });
  const clock = createClockCheck({
    measure: () => renewable.current.clockOffset(),
    now,
    monotonic,
    allowedMs: config.clockSkewMs,
    report: ({ agrees, offsetMs }) =>
      log(agrees ? "info" : "error", { type: agrees ? "clock.agrees" : "clock.differs", offsetMs }),
  });
  const firstHeard = Promise.withResolvers<void>();
  const presence = createPresence({
    store,
    id,
    version,
    digests: configDigests(config),
    now,
    monotonic,
    heartbeatMs: HEARTBEAT_MS,
    skewMs: config.clockSkewMs,
    maxOfflineMs: config.state.maxOfflineMs,
    heard() {
      contact.heard();
      firstHeard.resolve();
    },
    report: ({ type, ...fields }) => log("error", { type: type, ...fields } as Parameters<Log>[1]),
  });
  const timers: NodeJS.Timeout[] = [];
  let savable = lastHeard;

  /** What was known at the last time: by now all of it is on disk. */
  async function save(): Promise<void> {
    await saveContact(files, savable).catch(snapshotFailed);
    savable = contact.lastHeard;
  }

  return {
    store,
    secrets: createSnapshottedStore({
      store,
      snapshot: secretsSnapshot,
      mayStandIn: () => giveBack === undefined,
      restored: (keys) => log("error", { type: "store.restored", keys }),
    }),
    sealedBefore: async () => !mayBegin || secretsSnapshot.complete || lastHeard !== undefined,
    firstStart: mayBegin,
    ringSnapshot: (keyset) => ({
      load: () => files.load(`keyset.${keyset}`),
      save: (record) => files.save(`keyset.${keyset}`, record).catch(snapshotFailed),
    }),
    revocations: createRevocationFile(files, snapshotFailed),
    mayRetry: isOutage,
    async reached(signal) {
      const ms = lastHeard === undefined ? undefined : PATIENCE_MS;
      await within({ ms, signal }, firstHeard.promise, () => undefined);
      await clock.look();
    },
    opened(lost) {
      giveBack = lost;
      savable = contact.lastHeard;
      void save();
    },
    announce: presence.announce,
    late: presence.late,
    replicas: presence,
    lastHeard,
    ageMs: contact.ageMs,
    clockOffsetMs: clock.offsetMs,
    ...createFitness(contact, clock, config),
    start() {
      presence.start();
      clock.start();
      const sweep = () => void renewable.current.sweep().catch((error) => log("warn", { type: "store.failed", error }));
      timers.push(setInterval(sweep, SWEEP_MS));
      timers.push(setInterval(() => void save(), SAVE_CONTACT_MS));
    },
    async stop(leftMs) {
      for (const timer of timers) clearInterval(timer);
      clock.stop();
      await endsWithin(leftMs, presence.stop());
      await secretsSnapshot.saved();
      savable = contact.lastHeard;
      await save();
      await link.close(CLOSE_MS);
    },
  };
}

/** The store is out of reach, or was lost and is another one now. */
function isOutage(error: unknown): boolean {
  if (error instanceof KeyringError) return error.code === "UNREADABLE" || error.code === "WAITING";
  return error instanceof StateError && (error.code === "UNAVAILABLE" || error.code === "LOST");
}
