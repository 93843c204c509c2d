import { follow } from "../async/follow.ts";
import { createWakeup } from "../async/wakeup.ts";
import { type Change, pauseAfterWatch } from "../state/keyvalue.ts";
import { createList } from "./calls/list.ts";
import { createOpen } from "./calls/open.ts";
import { createRenew } from "./calls/renew.ts";
import { createWatch } from "./calls/watch.ts";
import { createClosing } from "./closing.ts";
import { Counters } from "./counter/counters.ts";
import { gatewayId } from "./ids.ts";
import { Leases } from "./lease/leases.ts";
import type { SessionParts } from "./parts.ts";
import { checkClose } from "./request.ts";
import type { SessionService } from "./service.ts";
import { sweepSessions } from "./sweep.ts";
import { Endings } from "./view/endings.ts";
import { SessionView } from "./view/view.ts";

/** The sessions of one replica. */
export interface Sessions extends SessionService {
  /** How many sessions are open, whichever replica opened them, and how many gateways hold a lease. */
  figures(): { readonly open: number; readonly gateways: number };
  /** Whether this replica has read what the store holds. */
  isCurrent(): boolean;
  /** One round of what goes on in the background: key revocations, deadlines, leases that have lapsed. */
  tick(): Promise<void>;
  start(): void;
  /** Never rejects. */
  stop(): Promise<void>;
}

/** How soon the revocation of a key ends its sessions, and a lapsed lease frees its slots. */
const TICK_MS = 250;
/** How often deadlines are looked at: this costs a few milliseconds for 10⁵ sessions. */
const TIMES_MS = 5_000;

export function createSessions(parts: SessionParts): Sessions {
  const { live, hash, monotonic, now, profiles, keysOf, onProblem, random } = parts;
  const { store } = live;
  const endings = new Endings({
    isKeyRevoked(name, tenant, kid) {
      const profile = profiles().get(name);
      try {
        return profile !== undefined && keysOf(profile, tenant).verifier(kid, now()).state === "revoked";
      } catch (error) {
        // Keys that can't be read must not keep lapsed leases from being swept.
        onProblem(error);
        return false;
      }
    },
    sessionMaxMs(name) {
      const seconds = profiles().get(name)?.lifetime.sessionMax;
      return seconds === undefined ? undefined : seconds * 1000;
    },
    ...{ monotonic, now },
  });
  const view = new SessionView({ monotonic, endings, onProblem });
  const write = { store, random, learn: view.learn.bind(view) };
  const isSettling = (): boolean => live.isSettling(leases.longestMs);
  const leases: Leases = new Leases({ ...write, view, isSettling, monotonic, now });
  const counters = new Counters({ ...write, view, now });
  const closing = createClosing({ ...parts, view, counters });
  const all = { ...parts, view, leases, counters, closing };
  const stopping = new AbortController();
  let timesDueAt = monotonic();
  let running: Promise<unknown> = Promise.resolve();

  async function* readStore(signal: AbortSignal): AsyncGenerator<Change> {
    view.begin();
    yield* store.watch("", signal);
  }

  async function tick(): Promise<void> {
    endings.checkKeys();
    if (monotonic() >= timesDueAt) {
      timesDueAt = monotonic() + TIMES_MS;
      endings.checkTimes(view.all());
    }
    await sweepSessions({ view, leases, closing, live });
  }

  async function tickOn(signal: AbortSignal): Promise<void> {
    const never = createWakeup();
    while (!signal.aborted) {
      await tick().catch(onProblem);
      await never.wait(signal, TICK_MS);
    }
  }

  return {
    open: createOpen(all),
    renew: createRenew(all),
    async close(request, caller) {
      checkClose(request);
      const gateway = gatewayId({ caller: caller.name, gateway: request.gatewayId }, hash);
      await closing.byGateway(request.sessionIds, gateway, caller, "CLOSED");
    },
    list: createList(parts, view),
    watch: createWatch(parts, view, endings),
    figures: () => ({ open: view.size, gateways: view.gateways }),
    isCurrent: () => view.isCurrent,
    tick,
    start() {
      const { signal } = stopping;
      const take = (change: Change): void => view.take(change);
      running = Promise.all([
        follow({ source: readStore, onItem: take, onError: onProblem, pauseAfter: pauseAfterWatch }, signal),
        follow({ source: (signal) => parts.revocations.watch(signal), onItem: revoke, onError: onProblem }, signal),
        tickOn(signal),
      ]);
    },
    async stop() {
      stopping.abort();
      await running.catch(onProblem);
    },
  };

  function revoke(revocation: Parameters<Endings["revoke"]>[0] | "current"): void {
    if (revocation !== "current") endings.revoke(revocation);
  }
}
