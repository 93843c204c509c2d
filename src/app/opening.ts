import { createShutdown, type Shutdown } from "../async/shutdown.ts";
import { pause } from "../async/timeout.ts";
import { openServices, type ServiceParts, type Services } from "./services.ts";

/** The services on their way: there at once, or when the shared state can be read. */
export interface Opening {
  /** Undefined until they are there. */
  readonly services: Services | undefined;
  /** Why they are not there yet, in the words of people; empty when they are. */
  waitsFor(): readonly string[];
  /** Resolves when they are there, or the start was given up; rejects with what waiting does not mend. */
  readonly done: Promise<void>;
  /** Gives up what was not opened yet and ends the rest, within about `leftMs`. Never rejects. */
  stop(leftMs: number): Promise<void>;
}

const NOT_REACHED = "the shared state (NATS), which is not reached yet";
const RETRY_MS = 500;
/** What was opened before something failed is ended before it is opened again. */
const GIVE_UP_MS = 10_000;

/** Opens the services, again and again as long as the shared state is out of reach. */
export function startOpening(parts: ServiceParts): Opening {
  const { state, log, stopping } = parts;
  const failed = (error: unknown) => log("error", { type: "stop.failed", error });
  let services: Services | undefined;
  let opened: Shutdown | undefined;
  let obstacle: string | undefined = NOT_REACHED;

  async function open(): Promise<void> {
    await state.reached(stopping);
    obstacle = "the keys";
    while (!stopping.aborted && services === undefined) {
      const endings = createShutdown(failed);
      try {
        const open = await openServices(parts, endings);
        services = open;
        opened = endings;
        obstacle = undefined;
        // What fails is told by the ring, and tried again.
        state.opened(() => open.keyrings.forEach((ring) => void ring.maintain().catch(() => undefined)));
      } catch (error) {
        await endings.end(GIVE_UP_MS);
        if (!state.mayRetry(error)) throw error;
        obstacle = messageOf(error);
        await pause(RETRY_MS, stopping);
      }
    }
  }

  const done = open();
  // It may fail before anybody looks.
  done.catch(() => undefined);
  return {
    get services() {
      return services;
    },
    waitsFor() {
      // The state says itself for how long it is out of reach, when that is too long.
      const told = obstacle === NOT_REACHED && state.waitsFor().length > 0;
      return obstacle === undefined || told ? [] : [obstacle];
    },
    done,
    async stop(leftMs) {
      const until = performance.now() + leftMs;
      await done.catch(() => undefined);
      await opened?.end(until - performance.now());
    },
  };
}

/** Of the error and of what caused it: the first alone says only what could not be read. */
function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return "the keys";
  return `the keys: ${error.message}${error.cause instanceof Error ? ` (${error.cause.message})` : ""}`;
}

type Method = (...args: readonly unknown[]) => unknown;

/** A service whose methods are those of the real one; `current` throws the Problem of a call that comes before it is there. */
export function lateService<Service extends object>(current: () => Service): Service {
  const call =
    (name: string | symbol): Method =>
    (...args) =>
      (Reflect.get(current(), name) as Method)(...args);
  return new Proxy({} as Service, { get: (_, name) => call(name) });
}
