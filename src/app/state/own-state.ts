import { existsSync, readdirSync } from "node:fs";
import { stat } from "node:fs/promises";
import { join } from "node:path";
import { type Identity, readIdentity } from "../../audit/spool/identity.ts";
import type { Config } from "../../config/config.ts";
import { type Place, placeOf } from "../../files/place.ts";
import { StartError } from "../../start-error.ts";
import type { KeyValue } from "../../state/keyvalue.ts";

/** The store of a data folder. */
export interface OwnStore extends KeyValue {
  /** Closes the file, within about `leftMs`. */
  close(leftMs: number): void | Promise<void>;
}

/** The data folder's own store, opened, and what the folder belongs to. */
export interface OwnState {
  readonly store: OwnStore;
  /** The file of the store. */
  readonly file: Place;
  /** The writer of the spool's events; undefined if there is no spool yet. */
  readonly writer: string | undefined;
  /** The installation that the spool names and may go on naming. */
  readonly spoolInstallation: string | undefined;
  /** Whether a replica's spool is gone, so that a new writer begins. */
  readonly newWriter: boolean;
  /**
   * The loss that the operator accepted, if there was one. A replica then leaves its installation: it joins that of the
   * bucket, or begins one with new keys.
   */
  readonly acceptedLoss: string | undefined;
  /**
   * Names the installation in the state, and then in the spool by `join`: in this order a crash in between is no loss.
   * Nothing to do for a state that replicas share.
   */
  settle(join: (id: string) => Promise<void>): Promise<void>;
}

/**
 * Opens the store of the data folder, and creates it where neither it nor the spool is missing. Nothing is created
 * before everything was checked. Rejects with a StateError or an AuditError, and with the StartErrors STATE_MISSING,
 * SPOOL_MISSING, OTHER_INSTALLATION and OTHER_STORE.
 */
export async function openOwnState(
  config: Config,
  acceptLosses: readonly string[],
  newId: () => string,
  openFile: (path: string) => Promise<OwnStore>,
): Promise<OwnState> {
  const { data } = config;
  const path = join(data, "state", "state.db");
  const spool = await readIdentity(join(data, "spool"));
  const stateExists = await exists(path);
  const open = () => openFile(path);
  if (isShared(config)) {
    const store = await open();
    const loss = spool?.installation && stateLoss(spool.installation);
    const acceptedLoss = acceptLosses.find((accepted) => accepted === loss && !holdsRings(snapshotsOf(data)));
    return {
      ...{ store, file: placeOf(path), writer: spool?.writer },
      spoolInstallation: acceptedLoss === undefined ? spool?.installation : undefined,
      acceptedLoss,
      newWriter: spool === undefined && stateExists,
      settle: async () => {},
    };
  }
  refuseOlderKeys(snapshotsOf(data));
  const existing = stateExists ? await open() : undefined;
  try {
    const state = existing && (await readState(existing));
    const verdict = judgeParts({ data, path, spool, state }, acceptLosses);
    const id = verdict.installation ?? newId();
    const store = existing ?? (await open());
    const kept = verdict.acceptedLoss === undefined ? spool : undefined;
    return {
      ...{ store, file: placeOf(path), writer: spool?.writer },
      spoolInstallation: kept?.installation,
      acceptedLoss: verdict.acceptedLoss,
      newWriter: false,
      async settle(join) {
        if (state?.installation !== id) await writeInstallation(store, id);
        if (kept?.installation !== id) await join(id);
      },
    };
  } catch (error) {
    await existing?.close(CLOSE_MS);
    throw error;
  }
}

const CLOSE_MS = 1_000;

/** Whether other replicas use the state, so that the data folder holds none. */
export function isShared({ state, nats }: Config): boolean {
  return state.store === "nats" && nats !== undefined;
}

/** What a state says about itself. */
interface FoundState {
  readonly installation: string | undefined;
  readonly hasKeys: boolean;
}

/** The parts of a data folder, each undefined if it is missing. */
interface Parts {
  readonly data: string;
  readonly path: string;
  readonly spool: Pick<Identity, "writer" | "installation"> | undefined;
  readonly state: FoundState | undefined;
}

/**
 * The installation that the parts belong to; undefined where it has no id yet, or begins again with the loss that the
 * operator accepted. A loss is accepted by its own name only: with the next start the installation has another id, and
 * the same words accept nothing. Throws a StartError.
 */
function judgeParts(
  { data, path, spool, state }: Parts,
  acceptLosses: readonly string[],
): { readonly installation: string | undefined; readonly acceptedLoss: string | undefined } {
  const accept = (loss: string, code: "STATE_MISSING" | "SPOOL_MISSING", message: string) => {
    if (acceptLosses.includes(loss)) return { installation: undefined, acceptedLoss: loss };
    throw new StartError(code, message);
  };
  // The state is created first and named first: a spool without it, or a named spool beside an empty one, has lost it.
  if (spool !== undefined && (state === undefined || (spool.installation !== undefined && isEmpty(state)))) {
    const loss = stateLoss(spool.installation ?? spool.writer);
    const what = state === undefined ? "is missing" : "is empty";
    return accept(
      loss,
      "STATE_MISSING",
      `${path} ${what}, but the data folder had keys: put it back, or restore a backup (signet keys restore). \
${toBeginAgain(loss)}`,
    );
  }
  if (spool === undefined && state?.installation !== undefined) {
    const loss = `spool:${state.installation}`;
    return accept(
      loss,
      "SPOOL_MISSING",
      `${join(data, "spool")} is missing, but the data folder had a spool: put it back. \
To begin with a new one, start once with --accept-loss ${loss}: audit events that NATS has not got are lost`,
    );
  }
  const [own, other] = [spool?.installation, state?.installation];
  if (own !== undefined && other !== undefined && own !== other)
    throw new StartError(
      "OTHER_INSTALLATION",
      `${path} belongs to installation ${other}, but ${join(data, "spool")} to ${own}: \
move away the one that is in the wrong place, and put back the right one`,
    );
  return { installation: own ?? other, acceptedLoss: undefined };
}

function stateLoss(id: string): string {
  return `state:${id}`;
}

function toBeginAgain(loss: string): string {
  return `To begin with new keys, start once with --accept-loss ${loss}: \
every token becomes invalid, and revocations and imported secrets are lost`;
}

/**
 * Why a replica whose folder belongs to this installation makes no keys for an empty bucket: it had keys, so their loss
 * is the operator's to accept.
 */
export function bucketLost(data: string, installation: string): string {
  const snapshots = snapshotsOf(data);
  const first = holdsRings(snapshots) ? `The copies in ${snapshots} are of other keys: move them away first. ` : "";
  return `they are lost, since this data folder belongs to installation ${installation}, which had keys. They come back \
with a replica that has a copy, or with a restored backup. ${first}${toBeginAgain(stateLoss(installation))}`;
}

export function snapshotsOf(data: string): string {
  return join(data, "snapshots");
}

function isEmpty({ installation, hasKeys }: FoundState): boolean {
  return installation === undefined && !hasKeys;
}

const INSTALLATION = "installation";

async function readState(store: KeyValue): Promise<FoundState> {
  const entry = await store.get(INSTALLATION);
  return {
    installation: entry && Buffer.from(entry.value).toString(),
    hasKeys: (await store.list("keys/")).length > 0,
  };
}

async function writeInstallation(store: KeyValue, id: string): Promise<void> {
  const entry = await store.get(INSTALLATION);
  if (entry === undefined) await store.create(INSTALLATION, Buffer.from(id));
  else await store.update(INSTALLATION, Buffer.from(id), entry.revision);
}

async function exists(path: string): Promise<boolean> {
  // What can't be looked at is there: opening it says why.
  return stat(path).then(
    () => true,
    (error: NodeJS.ErrnoException) => error.code !== "ENOENT",
  );
}

/** A revocation or a rotation in the shared state is not in this folder's own store: an old key would sign again. */
function refuseOlderKeys(snapshots: string): void {
  if (!holdsRings(snapshots)) return;
  const message =
    'state.store is "file", but this data folder belongs to a replica whose keys in NATS are newer than its own: ' +
    `export those (signet keys export) and restore them into a new data folder, or move ${snapshots} away`;
  throw new StartError("OTHER_STORE", message);
}

/** Whether this replica has ever read the state that replicas share. */
export function holdsCopies(snapshots: string): boolean {
  return ["contact", "secrets"].some((file) => existsSync(join(snapshots, file)));
}

/** Whether there are copies of rings. An empty folder proves nothing: every start creates it, even without NATS. */
function holdsRings(snapshots: string): boolean {
  return existsSync(snapshots) && readdirSync(snapshots).some((file) => file.startsWith("keyset."));
}
