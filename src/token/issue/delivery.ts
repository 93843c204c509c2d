import { notForwarded } from "../../problem/audit-problem.ts";

/**
 * Whether a token that must not be lost from sight has left. Calls with the same `request_id` share a token: it is
 * withheld when all of them have ended without it, and then no later one gets it.
 */
export class Delivery {
  readonly #withhold: () => Promise<void>;
  #calls = 0;
  #state: "held" | "returned" | "withheld" = "held";

  /** `withhold` records that the token is not returned. It MUST NOT reject. */
  constructor(withhold: () => Promise<void>) {
    this.#withhold = withhold;
  }

  get isWithheld(): boolean {
    return this.#state === "withheld";
  }

  /** A call has the token, and is yet to answer. Throws the Problem AUDIT_NOT_FORWARDED when it is withheld. */
  begin(): void {
    if (this.isWithheld) throw notForwarded("the token was withheld: ask for another");
    this.#calls++;
  }

  /** That call is about to answer, or is over. Rejects with the Problem AUDIT_NOT_FORWARDED when none is to answer. */
  async end(isOver: boolean): Promise<void> {
    this.#calls--;
    if (!isOver) this.#state = "returned";
    if (this.#calls > 0 || this.#state === "returned") return;
    this.#state = "withheld";
    await this.#withhold();
    throw notForwarded("the call was over: the token was withheld");
  }
}
