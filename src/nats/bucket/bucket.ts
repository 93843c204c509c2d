import type { JetStreamManager, NatsConnection, StreamInfo } from "nats";
import { pause, within } from "../../async/timeout.ts";
import type { Findings } from "../../audit/forward/sink.ts";
import { StateError } from "../../state/keyvalue.ts";
import { isUnanswered, toStateError, unavailable } from "../errors.ts";
import { findStream } from "../find-stream.ts";
import type { NatsLink } from "../link.ts";
import { type JudgeSettings, judgeSettings, LARGEST_MESSAGE } from "../settings.ts";
import { checkServerVersion, findOrCreateBucket, wantedBucket } from "./config.ts";
import { type BucketName, STATE_BUCKET } from "./name.ts";

export interface BucketOptions {
  /** Default: {@link STATE_BUCKET}. */
  readonly name?: BucketName;
  /** On how many servers of a cluster the bucket is stored. */
  readonly replicas: number;
  /** Gets a description of each damaged entry. */
  readonly report: (damage: string) => void;
  /** Gets the findings whenever the settings were looked at: at each connection, and at each verification. */
  readonly onSettings?: (findings: Findings) => void;
  /** While true, a bucket with a refused setting is UNAVAILABLE: what it lacks may have existed. Default: always. */
  readonly strict?: () => boolean;
  readonly judge?: JudgeSettings;
  /** How long a call may take. Default: 2000. */
  readonly callMs?: number;
}

/** A checked connection, valid for one call. */
export interface Access {
  readonly connection: NatsConnection;
  readonly manager: JetStreamManager;
  /** Aborts when the call is over. */
  readonly signal: AbortSignal;
  /** How long an answer is waited for: half of the call, so that a write whose answer was lost can be looked up. */
  readonly requestMs: number;
}

const CALL_MS = 2000;
// A leader that was just elected may be behind for a moment: what it lacks is not lost yet.
const LOOKS = 4;
const LOOK_MS = 250;
const MOST_DAMAGE = 20;

/** One bucket from its first use on: another bucket of the same name never silently takes its place. */
export class Bucket {
  readonly name: BucketName;
  readonly #link: NatsLink;
  readonly #options: BucketOptions;
  readonly #callMs: number;
  #created: string | undefined;
  #highest = 0;
  #loss: StateError | undefined;
  #refused: readonly string[] = [];
  #checkedGeneration = -1;
  readonly #damage = new Set<string>();
  #checking: Promise<void> | undefined;

  constructor(link: NatsLink, options: BucketOptions) {
    this.name = options.name ?? STATE_BUCKET;
    this.#link = link;
    this.#options = options;
    this.#callMs = options.callMs ?? CALL_MS;
  }

  /**
   * Does the work within the time of a call. Throws {@link StateError}: LOST; UNAVAILABLE when there is no connection or
   * it is lost, when a setting of the bucket is refused, when the time is over, and when `signal` aborts.
   */
  async call<Result>(what: string, work: (access: Access) => Promise<Result>, signal?: AbortSignal): Promise<Result> {
    if (this.#loss !== undefined) throw this.#loss;
    const { connection, generation, outage } = this.#link;
    if (connection === undefined) {
      throw unavailable(`${what}: not connected to NATS${outage === undefined ? "" : ` (${outage})`}`);
    }
    const over = new AbortController();
    let obstacle = "aborted";
    const ignoreDown = this.#link.onDown(connection, () => {
      obstacle = "the connection to NATS was lost";
      over.abort();
    });
    const ended = signal === undefined ? over.signal : AbortSignal.any([over.signal, signal]);
    try {
      const result = this.#work(what, connection, generation, over.signal, work);
      return await within({ ms: this.#callMs, signal: ended }, result, (reason) => {
        throw unavailable(`${what}: ${reason === "late" ? `no answer from NATS within ${this.#callMs} ms` : obstacle}`);
      });
    } finally {
      over.abort();
      ignoreDown();
    }
  }

  async #work<Result>(
    what: string,
    connection: NatsConnection,
    generation: number,
    signal: AbortSignal,
    work: (access: Access) => Promise<Result>,
  ): Promise<Result> {
    try {
      const requestMs = this.#callMs / 2;
      const manager = await connection.jetstreamManager({ checkAPI: false, timeout: requestMs });
      await this.#checkOnce(generation, connection, manager, signal);
      await this.#checkSettings(manager);
      const access = { connection, manager, signal, requestMs };
      return await work(access).catch(async (error: unknown) => {
        // A missing stream and a server without JetStream fail alike: the publish gets no responder.
        if (!(error instanceof StateError)) await this.verify(access);
        throw error;
      });
    } catch (error) {
      throw toStateError(error, what);
    }
  }

  /** Returns the bucket's current state after checking that it is still the same bucket. Throws LOST when it is not. */
  async verify({ manager }: Pick<Access, "manager">): Promise<StreamInfo> {
    for (let look = 1; ; look++) {
      if (this.#loss !== undefined) throw this.#loss;
      // Of before the question: what is written while the answer is on its way is not in it.
      const seen = this.#highest;
      const info = await findStream(manager, this.name.stream);
      const contradiction = this.#contradiction(info, seen);
      if (contradiction === undefined && info !== undefined) {
        this.#judge(info);
        return info;
      }
      if (look === LOOKS) throw this.markLost(contradiction ?? "it is gone");
      await pause(LOOK_MS);
    }
  }

  /** Permanently ends the use of the bucket. Returns the error that every call throws from now on. */
  markLost(reason: string): StateError {
    this.#loss ??= new StateError("LOST", `the bucket ${this.name.bucket} is not the one that was opened: ${reason}`);
    return this.#loss;
  }

  /** Reports each damage once, and no more than the first few: any client of NATS can make more of them. */
  reportDamage(damage: string): void {
    if (this.#damage.has(damage) || this.#damage.size >= MOST_DAMAGE) return;
    this.#damage.add(damage);
    this.#options.report(damage);
  }

  /** Records a revision that was read. */
  sawRead(revision: number): void {
    this.#highest = Math.max(this.#highest, revision);
  }

  /**
   * Records a revision that was written. Throws LOST unless it is above `before`, the {@link highest} before the write.
   */
  sawWrite(revision: number, before: number): void {
    if (revision <= before) throw this.markLost(`revision ${revision} was written after revision ${before}`);
    this.sawRead(revision);
  }

  /** The highest revision that was seen. */
  get highest(): number {
    return this.#highest;
  }

  /** Asks again until the call is over: a bucket that was just created has no leader yet, and so nobody answers. */
  async #checkOnce(
    generation: number,
    connection: NatsConnection,
    manager: JetStreamManager,
    signal: AbortSignal,
  ): Promise<void> {
    // Beyond it, a connection that replaced this one was checked.
    while (this.#checkedGeneration < generation) {
      this.#checking ??= this.#check(generation, connection, manager).finally(() => {
        this.#checking = undefined;
      });
      try {
        await this.#checking;
      } catch (error) {
        if (!isUnanswered(error) || signal.aborted) throw error;
      }
    }
  }

  async #check(generation: number, connection: NatsConnection, manager: JetStreamManager): Promise<void> {
    this.#checkServer(connection);
    if (this.#created === undefined) {
      const info = await findOrCreateBucket(manager, this.name, this.#options.replicas);
      this.#created = info.created;
      this.#judge(info);
    } else {
      await this.verify({ manager });
    }
    this.#checkedGeneration = generation;
  }

  /** Looks again while a setting is refused, so that a bucket that was mended is used at once. */
  async #checkSettings(manager: JetStreamManager): Promise<void> {
    if (this.#refused.length > 0) await this.verify({ manager });
    const { strict = () => true } = this.#options;
    if (this.#refused.length > 0 && strict()) throw unavailable(this.#refused.join("; "));
  }

  #judge({ config }: StreamInfo): void {
    const { replicas, judge = judgeSettings, onSettings } = this.#options;
    const findings = judge(this.name.use, config, wantedBucket(this.name, replicas));
    this.#refused = findings.refused;
    onSettings?.(findings);
  }

  #checkServer({ info }: NatsConnection): void {
    if (info === undefined) throw unavailable("the NATS server sent no INFO");
    checkServerVersion(info.version, this.#options.replicas);
    const largest = LARGEST_MESSAGE[this.name.use];
    if (info.max_payload < largest) {
      throw unavailable(
        `the NATS server takes messages of ${info.max_payload} bytes: max_payload must be at least ${largest}`,
      );
    }
  }

  #contradiction(info: StreamInfo | undefined, seen: number): string | undefined {
    if (info === undefined) return "it is gone";
    if (info.created !== this.#created)
      return `it was created at ${info.created}, and the opened one at ${this.#created}`;
    if (info.state.last_seq >= seen) return undefined;
    return `it ends with revision ${info.state.last_seq}, but revision ${seen} was seen`;
  }
}
