import type { FromAudit, SentError, ToAudit } from "./messages.ts";

/** An examination that is unanswered at so many later ones has shown that the storage hangs. */
const LATE = 2;

/** What a stopped or dead thread leaves behind. */
const ENDED = "the audit log, which has ended";

/**
 * Whether events can be stored, as the thread that answers calls knows it.
 *
 * One failed append, one failed examination, or storage that does not answer for {@link LATE} periods takes it away.
 * Only a probe that succeeds in time gives it back: without calls nothing else would show that the storage works, and
 * with calls each would have to find out by failing.
 */
export class Standing {
  readonly #send: (message: ToAudit) => void;
  readonly #onChange: () => void;
  readonly #everyMs: number;
  #timer: NodeJS.Timeout | undefined;
  #running: "look" | "probe" | undefined;
  /** How many periods have passed since the running examination began. */
  #age = 0;
  #failure: string | undefined;
  #full: boolean;
  #backlog: string | undefined;
  #looked: PromiseWithResolvers<void> | undefined;
  #shown: string | undefined;

  /** `onChange` is called after each change of the obstacle. It MUST NOT throw. */
  constructor(send: (message: ToAudit) => void, full: boolean, onChange: () => void, everyMs: number) {
    this.#send = send;
    this.#full = full;
    this.#onChange = onChange;
    this.#everyMs = everyMs;
    this.#shown = this.obstacle;
  }

  /** Why every append fails, human-readable. Undefined: appends are worth trying. */
  get failure(): string | undefined {
    return this.#failure;
  }

  /** What events of tokens wait for, human-readable. Undefined: they can be stored. */
  get obstacle(): string | undefined {
    return this.#failure ?? (this.#full ? this.#room() : undefined);
  }

  /** Says why events are not forwarded, so that the spool fills; undefined when they are. */
  blocked(reason: string | undefined): void {
    this.#backlog = reason;
    this.#show();
  }

  /**
   * Examines the storage now, and each period from the first call or the first failure on. Resolves when
   * {@link obstacle} says what was found. Never rejects.
   */
  async look(): Promise<void> {
    // Not earlier: a start may wait for a disk that stalls, and a caller may not.
    this.#watch();
    if (this.obstacle !== undefined) return;
    this.#looked ??= Promise.withResolvers();
    if (this.#running === undefined) this.#examine();
    await this.#looked.promise;
  }

  /** Learns from the errors of appends. MUST be called before a caller sees them. */
  failed(errors: Iterable<SentError>): void {
    for (const error of errors) {
      if (error.code === "FULL") this.#full = true;
      if (error.code !== "UNAVAILABLE") continue;
      this.#fail(error);
      this.#watch();
    }
    this.#show();
  }

  examined({ full, error }: Extract<FromAudit, { type: "examined" }>): void {
    const probed = this.#running === "probe" && this.#age < LATE;
    this.#running = undefined;
    this.#age = 0;
    this.#full = full;
    if (error !== undefined) this.#fail(error);
    else if (probed) this.#failure = undefined;
    this.#show();
    this.#answerLooks();
  }

  /** Nothing can be stored any more. */
  end(): void {
    clearInterval(this.#timer);
    this.#failure = ENDED;
    this.#show();
    this.#answerLooks();
  }

  #watch(): void {
    if (this.#failure !== ENDED) this.#timer ??= setInterval(() => this.#examine(), this.#everyMs);
  }

  // The age counts turns of the timer instead of time: a process that was paused, or busy itself, learns nothing about
  // the storage from the time that has passed.
  #examine(): void {
    if (this.#running === undefined) {
      this.#running = this.#failure === undefined ? "look" : "probe";
      this.#send({ type: "examine", probe: this.#running === "probe" });
    } else if (++this.#age === LATE) {
      this.#failure = "storage for the audit log: it does not answer";
      this.#show();
      this.#answerLooks();
    }
  }

  #answerLooks(): void {
    this.#looked?.resolve();
    this.#looked = undefined;
  }

  #room(): string {
    return `room in the audit log${this.#backlog === undefined ? "" : `: NATS takes no events (${this.#backlog})`}`;
  }

  #fail({ message, cause }: SentError): void {
    this.#failure = `storage for the audit log: ${message}${cause === undefined ? "" : ` (${cause})`}`;
  }

  #show(): void {
    if (this.obstacle === this.#shown) return;
    this.#shown = this.obstacle;
    this.#onChange();
  }
}
