import type { ExecutionContext } from "ava";
import type { Findings } from "../../../src/audit/forward/sink.ts";
import { createNatsKeyValue, type NatsKeyValue, type NatsKeyValueOptions } from "../../../src/nats/bucket/keyvalue.ts";
import { NatsLink } from "../../../src/nats/link.ts";
import type { Change, KeyValue, StateError } from "../../../src/state/keyvalue.ts";
import { HANGS_MS } from "../../support/bounded.ts";
import { waitUntil } from "../../support/wait-until.ts";

/**
 * For a server that does not answer: more than the default, in which a busy machine may give the server no turn; less
 * than a held connection lives.
 */
export const UNANSWERED = { callMs: 6_000 } as const;

export interface StoreUnderTest {
  readonly link: NatsLink;
  readonly store: NatsKeyValue;
  /** The damaged entries that were reported. */
  readonly reports: string[];
  /** What was found whenever the bucket's settings were looked at. */
  readonly found: Findings[];
}

/** A store over a connection of its own, which is up; closed when the test is over. */
export async function connectStore(
  t: Pick<ExecutionContext<unknown>, "teardown">,
  servers: string | readonly string[],
  options: Partial<NatsKeyValueOptions> = {},
): Promise<StoreUnderTest> {
  const link = new NatsLink({ servers: typeof servers === "string" ? servers : [...servers] }, () => undefined);
  t.teardown(() => link.close(1000));
  await link.connected(AbortSignal.timeout(HANGS_MS));
  const reports: string[] = [];
  const found: Findings[] = [];
  const store = createNatsKeyValue(link, {
    replicas: 1,
    now: Date.now,
    report: (damage) => void reports.push(damage),
    onSettings: (findings) => void found.push(findings),
    callMs: HANGS_MS,
    ...options,
  });
  return { link, store, reports, found };
}

export const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

export interface Watching {
  readonly changes: readonly Change[];
  /** What ended the watch, once something did. */
  readonly ended: Promise<StateError | undefined>;
  keys(): string[];
  revisions(): number[];
}

/** Watches until the test is over; resolves when the watch is current. */
export async function watching(
  t: Pick<ExecutionContext<unknown>, "teardown">,
  store: KeyValue,
  prefix: string,
): Promise<Watching> {
  const controller = new AbortController();
  t.teardown(() => controller.abort());
  const changes: Change[] = [];
  const read = async (): Promise<undefined> => {
    for await (const change of store.watch(prefix, controller.signal)) changes.push(change);
  };
  const ended = read().catch((error: StateError) => error);
  await waitUntil("the watch is current", () => changes.some(({ type }) => type === "current"));
  const puts = () => changes.flatMap((change) => (change.type === "put" ? [change.entry] : []));
  return {
    changes,
    ended,
    keys: () => puts().map(({ key }) => key),
    revisions: () => puts().map(({ revision }) => revision),
  };
}

/** Creates the key as a caller that tries again does. Returns the refusals before, and whether the last try won. */
export async function createSurely(store: KeyValue, key: string): Promise<{ refusals: string[]; won: boolean }> {
  const refusals: string[] = [];
  let won = false;
  const create = async (): Promise<boolean> => {
    try {
      won = (await store.create(key, bytes(key))) !== undefined;
      return true;
    } catch (error) {
      refusals.push((error as StateError).code);
      return false;
    }
  };
  // A cluster may take half a minute to find a new leader.
  await waitUntil(`${key} is created`, create, 50_000);
  return { refusals, won };
}
