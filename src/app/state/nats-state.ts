import { endsWithin, within } from "../../async/timeout.ts";
import type { Findings } from "../../audit/forward/sink.ts";
import { isRetryable } from "../../keys/error.ts";
import { judgeSecretEntry } from "../../keys/imported/parse-secret.ts";
import type { NatsAccess } from "../../nats/access.ts";
import { UNUSED_KEY } from "../../nats/attempt.ts";
import { createNatsKeyValue } from "../../nats/bucket/keyvalue.ts";
import type { NatsLink } from "../../nats/link.ts";
import { openWatchedLink, type WatchedLink } from "../../nats/watched-link.ts";
import { createClockCheck } from "../../replica/clock-check.ts";
import { createContact, loadContact, saveContact } from "../../replica/contact.ts";
import { openEntriesSnapshot } from "../../replica/entries-snapshot.ts";
import { createFitness } from "../../replica/fitness.ts";
import { createPresence } from "../../replica/presence.ts";
import { createReopeningStore } from "../../replica/reopening-store.ts";
import { createRevocationFile } from "../../replica/revocations-snapshot.ts";
import { createSnapshottedStore } from "../../replica/snapshotted-store.ts";
import { configDigests } from "../digests.ts";
import { createStreamSettings, levelOf } from "../stream-settings.ts";
import { type BucketParts, openNatsLive } from "./nats-live.ts";
import type { SharedState } from "./shared-state.ts";

export interface NatsStateParts extends BucketParts {
  /** As in the `StateStore`. */
  readonly noFirstKeys: string | undefined;
  readonly access: NatsAccess;
  /** Who writes this replica's audit log now. The one of the start names the replica. */
  readonly writer: () => string;
  readonly version: string;
}

const HEARTBEAT_MS = 2_000;
/** After a crash the state looks older than it is by at most this. */
const SAVE_CONTACT_MS = 10_000;
/** How long a start waits for the store before it uses its snapshots. */
const PATIENCE_MS = 3_000;
/** Every call was answered or given up by then. */
const CLOSE_MS = 100;

const monotonic = () => performance.now();

/**
 * State that replicas share through a NATS bucket. Rejects with a StateError when a snapshot can't be used, and with
 * the StartError NATS_FILES.
 */
export async function openNatsState(parts: NatsStateParts): Promise<SharedState> {
  const { config, noFirstKeys, writer, version, files, now, log, sweepMs } = parts;
  const id = writer();
  const onSnapshotError = (error: unknown) => log("error", { type: "snapshot.failed", error });
  const secretsSnapshot = await openEntriesSnapshot(files, "secrets", onSnapshotError);
  const lastHeard = await loadContact(files);
  /** Undefined until everything was opened. */
  let putAllBack: (() => void) | undefined;
  const settings = createStreamSettings((found, before) => {
    log(levelOf(found), { type: "store.settings", ...found });
    if (before.refused.length > 0 && found.refused.length === 0) putAllBack?.();
  });
  const { link, close } = await openLink(parts);
  const bucket = openBucket(link, parts, {
    onLost: () => putAllBack?.(),
    onSettings: settings.take,
    // A running replica holds what the bucket may have forgotten. One that starts can't know what it lacks: the bucket
    // counts as unreachable, so its snapshots stand in, and without them it makes no keys and trusts no token.
    strict: () => putAllBack === undefined,
  });

  const contact = createContact({ now, monotonic, lastHeard, maxOfflineMs: config.state.maxOfflineMs });
  const clock = createClockCheck({
    measure: () => bucket.current.clockOffset(),
    now,
    monotonic,
    allowedMs: config.clockSkewMs,
    report: ({ agrees, offsetMs }) =>
      log(agrees ? "info" : "error", { type: agrees ? "clock.agrees" : "clock.differs", offsetMs }),
  });
  const live = await openNatsLive(link, bucket.store, parts, onSnapshotError);
  const firstHeard = Promise.withResolvers<void>();
  const presence = createPresence({
    store: bucket.store,
    id,
    writer,
    version,
    digests: configDigests(config),
    now,
    monotonic,
    heartbeatMs: HEARTBEAT_MS,
    skewMs: config.clockSkewMs,
    maxOfflineMs: config.state.maxOfflineMs,
    onContact() {
      // A bucket that forgets may lack a revocation: the view must not look fresher than its last sound state.
      if (settings.current.refused.length === 0) contact.renew();
      firstHeard.resolve();
    },
    report(event) {
      if (event.type !== "replica.cut_off") log("error", event);
      // An outage of the connection is reported by the link.
      else if (link.connection !== undefined) log("warn", event);
    },
  });
  const timers: NodeJS.Timeout[] = [];
  let contactToSave = lastHeard;

  /** Saves the contact of the previous call: what was read by then is on disk now. */
  async function save(): Promise<void> {
    await saveContact(files, contactToSave).catch(onSnapshotError);
    contactToSave = contact.lastHeard;
  }

  async function sweep(): Promise<void> {
    await bucket.current.sweep().catch((error) => log("warn", { type: "store.failed", error }));
    putAllBack?.();
  }

  return {
    store: {
      rings: bucket.store,
      secrets: (recordKeys) =>
        createSnapshottedStore({
          store: bucket.store,
          snapshot: secretsSnapshot,
          judge: (entry) => judgeSecretEntry(entry, recordKeys),
          mayStandIn: () => putAllBack === undefined,
          onRestored: (keys) => log("error", { type: "store.restored", keys }),
        }),
      noFirstKeys,
      isRetryable,
      async reached(signal) {
        const ms = lastHeard === undefined ? undefined : PATIENCE_MS;
        // Only a clock that was compared once is known to be right when it is set later.
        await within({ ms, signal }, Promise.all([firstHeard.promise, clock.measured]), () => undefined);
        // Only what needs it has to do without it.
        await within({ ms: PATIENCE_MS, signal }, live.opened, () => undefined);
      },
      opened(putBack) {
        putAllBack = putBack;
        contactToSave = contact.lastHeard;
        void save();
      },
    },
    peers: presence,
    live: live.store,
    settings: () => ({ bucket: settings.current, live: live.settings() }),
    fitness: createFitness(
      { contact, clock, refused: () => settings.current.refused, obstacle: () => presence.obstacle },
      config,
    ),
    snapshots: {
      ring: (keyset) => ({
        load: () => files.load(`keyset.${keyset}`),
        save: (record) => files.save(`keyset.${keyset}`, record).catch(onSnapshotError),
      }),
      revocations: createRevocationFile(files, onSnapshotError),
      lastHeard,
    },
    start() {
      presence.start();
      clock.start();
      live.start();
      timers.push(setInterval(() => void sweep(), sweepMs));
      timers.push(setInterval(() => void save(), SAVE_CONTACT_MS));
    },
    async stop(leftMs) {
      for (const timer of timers) clearInterval(timer);
      clock.stop();
      await endsWithin(leftMs, Promise.all([presence.stop(), live.stop()]));
      await secretsSnapshot.saved();
      contactToSave = contact.lastHeard;
      await save();
      await close(CLOSE_MS);
    },
  };
}

interface BucketUse {
  readonly onLost: () => void;
  readonly onSettings: (found: Findings) => void;
  readonly strict: () => boolean;
}

/** The connection over which both buckets are used. */
function openLink({ access, writer, log }: NatsStateParts): Promise<WatchedLink> {
  return openWatchedLink(access, { name: `signet ${writer()}`, writes: UNUSED_KEY }, (report) =>
    "server" in report
      ? log("info", { ...report, type: `store.${report.type}` })
      : log("warn", { ...report, type: `store.${report.type}` }),
  );
}

function openBucket(
  link: NatsLink,
  { replicas, now, log, judgeSettings: judge }: NatsStateParts,
  { onLost, onSettings, strict }: BucketUse,
) {
  const report = (damage: string) => log("warn", { type: "store.damaged", damage });
  return createReopeningStore(
    () => createNatsKeyValue(link, { replicas, now, report, onSettings, strict, judge }),
    (error) => {
      log("error", { type: "store.lost", error });
      onLost();
    },
  );
}
