import { setTimeout as pause } from "node:timers/promises";
import type { ExecutionContext } from "ava";
import { trailFaults, trailOf } from "../nats/audit-trail.ts";
import type { NatsServer } from "../nats/nats-server.ts";
import { type Load, startLoad } from "./load.ts";
import { allForwarded, type RemoteService, startRemote, untilLogged } from "./remote-service.ts";
import { issue, verifyOnce } from "./service.ts";
import type { LogLine } from "./service-process.ts";

/** As fast as the service answers. */
const FULL_LOAD = { workers: 8, pauseMs: 0 };

/** About twenty calls a second. */
export const STEADY_LOAD = { workers: 2, pauseMs: 200 };

/** A service of which tokens are asked, and which verifies them, all the while. */
export interface UnderLoad {
  readonly service: RemoteService;
  /** The ids of the tokens that were answered so far. */
  readonly answered: readonly string[];
  /** Resolves when so many more tokens were issued and verified. */
  readonly tokens: Load["more"];
  /** Resolves when the service has logged so many events of the name. */
  logged(event: LogLine["event"], times: number): Promise<void>;
  /**
   * Ends the load, of which no call may have failed; lets the service forward what it holds, and fails when the trail
   * has any fault.
   */
  requireWholeTrail(): Promise<void>;
  /** Kills the service and lets nobody have its spool again. Resolves with the calls that were open. */
  loseWithDisk(): Promise<{ readonly unknown: number }>;
}

type Options = Parameters<typeof startRemote>[1] & {
  readonly trail: Pick<NatsServer, "url">;
  readonly pace?: typeof FULL_LOAD;
};

/** Starts a service that forwards its events to `nats`, and the load. `trail` is where its events are read. */
export async function startUnderLoad(
  t: ExecutionContext<unknown>,
  { trail, pace: { workers, pauseMs } = FULL_LOAD, ...options }: Options,
): Promise<UnderLoad> {
  const service = await startRemote(t, options);
  const answered: string[] = [];
  const load = startLoad(workers, async () => {
    const { token, tokenId } = await issue(service);
    const { valid, rejection } = await verifyOnce(service, token);
    if (!valid) throw new Error(`a fresh token is not valid: ${rejection?.message}`);
    answered.push(tokenId);
    if (pauseMs > 0) await pause(pauseMs);
  });
  return {
    service,
    answered,
    tokens: load.more,
    logged: (event, times) => untilLogged(service, (log) => log.filter((line) => line.event === event).length >= times),
    async requireWholeTrail() {
      await load.stop();
      await allForwarded(service);
      t.is(await service.process.stop(), 0);
      t.deepEqual(trailFaults(await trailOf(trail), answered), {});
      t.log(`${answered.length} tokens answered, 0 lost, 0 unknown`);
    },
    async loseWithDisk() {
      await service.process.kill9();
      return { unknown: (await load.ended).length };
    },
  };
}
