import type { Status } from "../gen/google/rpc/status.ts";
import { invalidRequest, Problem } from "../problem/problem.ts";
import { toStatus } from "./status.ts";

/** What one item of a batch came to. */
export interface ItemResult<Response> {
  readonly result:
    | { readonly $case: "response"; readonly value: Response }
    | { readonly $case: "error"; readonly value: Status };
}

const MAX_ITEMS = 100;

/**
 * How long items begin before other calls have their turn again, in milliseconds: a call needs several turns of the loop, and
 * a hundred signatures of RS256 would hold it up for 50.
 */
const TURN_MS = 3;

/** How the items of a method are served. */
interface BatchMethod<Item, Response> extends Batching {
  readonly serve: (item: Item) => Response | Promise<Response>;
  /** How long the first turn may take, in milliseconds; those after it take {@link TURN_MS}. */
  readonly firstTurnMs?: number;
}

/** What every batch needs. */
export interface Batching {
  /** Milliseconds of a clock that never steps. */
  readonly now: () => number;
  /** Told of the cause of every failure that the client only sees as "internal error". */
  readonly unexpected: (cause: unknown) => void;
}

/**
 * Serves up to 100 items, each on its own: a refusal is the result of its item and leaves the others alone. They are begun
 * in their order and go on side by side, so that what waits for the same thing waits once.
 *
 * @throws Problem INVALID_REQUEST for no item or for more than 100.
 */
export async function batch<Item, Response>(
  items: readonly Item[],
  { serve, firstTurnMs = TURN_MS, now, unexpected }: BatchMethod<Item, Response>,
): Promise<ItemResult<Response>[]> {
  if (items.length === 0 || items.length > MAX_ITEMS)
    throw invalidRequest([{ field: "items", description: `must have 1 to ${MAX_ITEMS} items` }]);
  const results: Promise<ItemResult<Response>>[] = [];
  let turnEnd = now() + firstTurnMs;
  for (const item of items) {
    if (now() >= turnEnd) {
      await new Promise(setImmediate);
      turnEnd = now() + TURN_MS;
    }
    results.push(Promise.try(serve, item).then(response, failure));
  }
  return Promise.all(results);

  function failure(error: unknown): ItemResult<Response> {
    if (!(error instanceof Problem)) unexpected(error);
    return { result: { $case: "error", value: toStatus(error) } };
  }
}

function response<Response>(value: Response): ItemResult<Response> {
  return { result: { $case: "response", value } };
}
