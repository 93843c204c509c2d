import type { JetStreamManager, NatsConnection, StreamInfo } from "nats";
import { pause, within } from "../../async/timeout.ts";
import { StateError } from "../../state/keyvalue.ts";
import { differencesOf } from "../differences.ts";
import { toStateError, unavailable } from "../errors.ts";
import type { NatsLink } from "../link.ts";
import { checkServerVersion, findBucket, findOrMakeBucket, wantedBucket } from "./config.ts";

export interface BucketOptions {
  /** How many servers of a cluster keep the bucket. */
  readonly replicas: number;
  /** Told at each connection of the settings that are not as they should be, and of each entry that is not. */
  readonly report: (differences: readonly string[]) => void;
}

/** A checked connection, for as long as the call may last. */
export interface Access {
  readonly connection: NatsConnection;
  readonly manager: JetStreamManager;
  /** Aborted when the call is over. */
  readonly signal: AbortSignal;
}

const CALL_MS = 2000;
/** Half of the call, so that a write whose answer was lost can be asked about. */
const REQUEST_MS = 1000;
// A leader that was just elected may be behind for a moment: what it lacks is not lost yet.
const LOOKS = 4;
const LOOK_MS = 250;
/** A value of 64 KiB as base64, with its headers. */
const LEAST_PAYLOAD = 128 * 1024;

/** One bucket from its first use on: it never silently becomes another one. */
export class Bucket {
  readonly #link: NatsLink;
  readonly #options: BucketOptions;
  #created: string | undefined;
  #highest = 0;
  #loss: StateError | undefined;
  #checkedGeneration = -1;
  #checking: Promise<void> | undefined;

  constructor(link: NatsLink, options: BucketOptions) {
    this.#link = link;
    this.#options = options;
  }

  /**
   * Does the work within 2 s. Throws {@link StateError}: UNAVAILABLE at once while there is no connection, when it is lost,
   * and when the time is over or `signal` aborts; LOST.
   */
  async call<Result>(what: string, work: (access: Access) => Promise<Result>, signal?: AbortSignal): Promise<Result> {
    if (this.#loss !== undefined) throw this.#loss;
    const connection = this.#link.connection;
    if (connection === undefined) throw unavailable(`${what}: not connected to NATS`);
    const over = new AbortController();
    let obstacle = "aborted";
    const ignoreDown = this.#link.onDown(() => {
      obstacle = "the connection to NATS was lost";
      over.abort();
    });
    const ended = signal === undefined ? over.signal : AbortSignal.any([over.signal, signal]);
    try {
      const result = this.#work(what, connection, over.signal, work);
      return await within({ ms: CALL_MS, signal: ended }, result, (reason) => {
        throw unavailable(`${what}: ${reason === "late" ? `no answer from NATS within ${CALL_MS} ms` : obstacle}`);
      });
    } finally {
      over.abort();
      ignoreDown();
    }
  }

  async #work<Result>(
    what: string,
    connection: NatsConnection,
    signal: AbortSignal,
    work: (access: Access) => Promise<Result>,
  ): Promise<Result> {
    try {
      const manager = await connection.jetstreamManager({ checkAPI: false, timeout: REQUEST_MS });
      await this.#checkOnce(connection, manager);
      const access = { connection, manager, signal };
      return await work(access).catch(async (error: unknown) => {
        // A stream that is gone answers a publish like a server without JetStream: by nobody.
        if (!(error instanceof StateError)) await this.verify(access);
        throw error;
      });
    } catch (error) {
      throw toStateError(error, what);
    }
  }

  /** The bucket's state now, after making sure that it is the same one. Throws LOST when it is not. */
  async verify({ manager }: Pick<Access, "manager">): Promise<StreamInfo> {
    for (let look = 1; ; look++) {
      if (this.#loss !== undefined) throw this.#loss;
      const info = await findBucket(manager);
      const contradiction = this.#contradiction(info);
      if (contradiction === undefined && info !== undefined) return info;
      if (look === LOOKS) throw this.lose(contradiction ?? "it is gone");
      await pause(LOOK_MS);
    }
  }

  /** Ends the use of the bucket, for ever. */
  lose(reason: string): StateError {
    this.#loss ??= new StateError("LOST", `the bucket signet is not the one that was opened: ${reason}`);
    return this.#loss;
  }

  tell(difference: string): void {
    this.#options.report([difference]);
  }

  /** Remembers a revision that was read. */
  read(revision: number): void {
    this.#highest = Math.max(this.#highest, revision);
  }

  /** Remembers a revision that was written; throws LOST unless it is above `before`, a {@link highest} from before it. */
  wrote(revision: number, before: number): void {
    if (revision <= before) throw this.lose(`revision ${revision} was written after revision ${before}`);
    this.read(revision);
  }

  /** The highest revision that was seen. */
  get highest(): number {
    return this.#highest;
  }

  async #checkOnce(connection: NatsConnection, manager: JetStreamManager): Promise<void> {
    const generation = this.#link.generation;
    while (this.#checkedGeneration !== generation) {
      if (this.#link.generation !== generation) throw unavailable("the connection to NATS was lost");
      this.#checking ??= this.#check(generation, connection, manager).finally(() => {
        this.#checking = undefined;
      });
      await this.#checking;
    }
  }

  async #check(generation: number, connection: NatsConnection, manager: JetStreamManager): Promise<void> {
    this.#checkServer(connection);
    const { replicas, report } = this.#options;
    const first = this.#created === undefined;
    const info = first ? await findOrMakeBucket(manager, replicas) : await this.verify({ manager });
    this.#created ??= info.created;
    this.#checkedGeneration = generation;
    const differences = differencesOf(wantedBucket(replicas), info.config);
    if (differences.length > 0) report(differences);
  }

  #checkServer({ info }: NatsConnection): void {
    if (info === undefined) throw unavailable("the NATS server has not introduced itself");
    checkServerVersion(info.version, this.#options.replicas);
    if (info.max_payload < LEAST_PAYLOAD) {
      throw unavailable(
        `the NATS server takes messages of ${info.max_payload} bytes: max_payload must be ${LEAST_PAYLOAD}`,
      );
    }
  }

  #contradiction(info: StreamInfo | undefined): string | undefined {
    if (info === undefined) return "it is gone";
    if (info.created !== this.#created) return `it was created ${info.created}, the opened one ${this.#created}`;
    if (info.state.last_seq >= this.#highest) return undefined;
    return `it ends with revision ${info.state.last_seq}, and revision ${this.#highest} was seen`;
  }
}
