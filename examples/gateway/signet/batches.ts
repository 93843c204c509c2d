import type { VerifyTokenRequest, VerifyTokenResponse } from "../gen/signet/v1/token.ts";
import type { Signet } from "./client.ts";

/** The most that one call may hold. */
const MOST = 100;
/** How many calls are open at most. While all are, verifications gather for the next. */
const CALLS = 4;

interface Waiting {
  readonly request: VerifyTokenRequest;
  readonly resolve: (response: VerifyTokenResponse) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Verifies tokens in batches: what arrives together, or while all calls are open, shares the next call. A single
 * verification waits for nothing.
 */
export class VerifyBatches {
  readonly #signet: Pick<Signet, "batchVerifyTokens">;
  readonly #waiting: Waiting[] = [];
  #open = 0;
  #verifications = 0;
  #calls = 0;
  #largest = 0;

  constructor(signet: Pick<Signet, "batchVerifyTokens">) {
    this.#signet = signet;
  }

  /** Rejects when Signet can't answer. */
  verify(request: VerifyTokenRequest): Promise<VerifyTokenResponse> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ request, resolve, reject });
      // After the requests that have arrived in the same turn of the event loop.
      if (this.#waiting.length === 1) setImmediate(() => this.#send());
    });
  }

  /** How many verifications shared how many calls, and the largest call. */
  get stats() {
    return { verifications: this.#verifications, calls: this.#calls, largest: this.#largest };
  }

  #send(): void {
    while (this.#open < CALLS && this.#waiting.length > 0) void this.#call(this.#waiting.splice(0, MOST));
  }

  async #call(batch: readonly Waiting[]): Promise<void> {
    this.#open += 1;
    this.#calls += 1;
    this.#verifications += batch.length;
    this.#largest = Math.max(this.#largest, batch.length);
    try {
      const { results } = await this.#signet.batchVerifyTokens({ items: batch.map(({ request }) => request) });
      for (const [at, { resolve, reject }] of batch.entries()) {
        const result = results[at]?.result;
        if (result?.$case === "response") resolve(result.value);
        else reject(new Error(result?.value.message ?? "the batch has no answer for this token"));
      }
    } catch (error) {
      for (const { reject } of batch) reject(error);
    } finally {
      this.#open -= 1;
      this.#send();
    }
  }
}
