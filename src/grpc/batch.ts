import type { Status } from "../gen/google/rpc/status.ts";
import { invalidRequest, Problem } from "../problem/problem.ts";
import { toStatus } from "./status.ts";

/** The result of one item of a batch. */
export interface ItemResult<Response> {
  readonly result:
    | { readonly $case: "response"; readonly value: Response }
    | { readonly $case: "error"; readonly value: Status };
}

const MAX_ITEMS = 100;

/**
 * How long a batch starts items before it lets other calls run, in milliseconds. A call needs several turns of the
 * event loop, and a hundred RS256 signatures in one turn would delay it by 50 ms.
 */
const TURN_MS = 3;

/** How a method serves its items. */
interface BatchMethod<Item, Response> extends Batching {
  readonly serve: (item: Item) => Response | Promise<Response>;
  /** Called for a batch without items, or with too many, before it is refused: no item of it asks for admission. */
  readonly admitMalformed: () => void;
  /** Length of the first turn in milliseconds. The later ones take {@link TURN_MS}. */
  readonly firstTurnMs?: number;
}

/** What all batches share. */
export interface Batching {
  /** Milliseconds of a monotonic clock. */
  readonly now: () => number;
  /** Called with the cause of every failure that the client sees only as "internal error". */
  readonly onUnexpected: (cause: unknown) => void;
}

/**
 * Serves up to 100 items independently: an error is the result of its item only. Items start in order and run
 * concurrently, so that items waiting for the same thing, e.g. a sync of the audit log, wait for it together.
 *
 * @throws Problem INVALID_REQUEST for no item or for more than 100.
 */
export async function batch<Item, Response>(
  items: readonly Item[],
  { serve, admitMalformed, firstTurnMs = TURN_MS, now, onUnexpected }: BatchMethod<Item, Response>,
): Promise<ItemResult<Response>[]> {
  if (items.length === 0 || items.length > MAX_ITEMS) {
    admitMalformed();
    throw invalidRequest([{ field: "items", description: `must have 1 to ${MAX_ITEMS} items` }]);
  }
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
    if (!(error instanceof Problem)) onUnexpected(error);
    return { result: { $case: "error", value: toStatus(error) } };
  }
}

function response<Response>(value: Response): ItemResult<Response> {
  return { result: { $case: "response", value } };
}
