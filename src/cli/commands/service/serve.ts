import type { EventEmitter } from "node:events";
import type { Command } from "commander";
import type { Config } from "../../../config/config.ts";
import { EXIT } from "../../failure.ts";
import { moreHelp } from "../../input/more-help.ts";
import { collect, loss } from "../../input/options.ts";
import type { Exit, Io } from "../../io.ts";
import { loadOrFail, withData } from "../../load-config.ts";

type Signal = "SIGINT" | "SIGTERM";

interface Running {
  /** Rejects after the service has stopped because it can never become ready. */
  readonly failed: Promise<never>;
  stop(signal: Signal): Promise<void>;
  /** Reads again what may change while the service runs. Never rejects. */
  reload(): Promise<void>;
}

/** Builds and starts the service. An argument, since the app is above the command line in the order of folders. */
export type StartApp = (config: Config, operator: { readonly acceptLosses: readonly string[] }) => Promise<Running>;

interface ServeOptions {
  readonly config?: string;
  readonly data?: string;
  readonly acceptLoss?: readonly string[];
}

export function addServe(program: Command, io: Io, exit: Exit, startApp: StartApp): void {
  program
    .command("serve")
    .description(
      "run the service until SIGTERM or SIGINT (a second one skips the orderly stop); SIGHUP reads the " +
        "profiles, the policies and the certificate files of the listeners again",
    )
    .option("--config <file>", "the configuration file (SIGNET_CONFIG)")
    .option("--data <dir>", "the data folder (SIGNET_DATA)")
    .option(
      "--accept-loss <loss>",
      "start once although this is lost, named as in the refusal; may be repeated",
      (text: string, before?: readonly string[]) => collect(loss(text), before),
    )
    .addHelpText(
      "after",
      moreHelp({
        examples: ["signet serve --config signet.yaml --data ./data"],
        notes: ["What may be lost, and when to accept it: docs/operations.md#when-something-is-missing."],
        exitCodes: {
          0: "orderly stop",
          1: "unexpected end, or a second signal",
          2: "wrong usage",
          65: "stored keys are damaged",
          66: "the key-encryption key, the state or the spool is missing",
          69: "an address is in use",
          71: "Node is too old",
          74: "the state or the spool is damaged, open to other users or unusable",
          75: "the data folder is in use",
          77: "the key-encryption key is wrong",
          78: "the configuration has faults, or does not fit the data folder",
        },
      }),
    )
    .action(async (options: ServeOptions) => exit(await serve(options, io, startApp)));
}

async function serve(options: ServeOptions, io: Io, startApp: StartApp): Promise<number> {
  // From before the start: a signal that arrives during the start takes effect as soon as the app can be stopped.
  const signals = listenForSignals(io.signals);
  try {
    const config = await loadOrFail(options.config, withData(io.env, options.data), EXIT.config);
    const ended = runUntil(signals, startApp(config, { acceptLosses: options.acceptLoss ?? [] }));
    return await Promise.race([ended, signals.second.then((): number => EXIT.negative)]);
  } catch (error) {
    throw await failureOf(error);
  } finally {
    signals.close();
  }
}

/** Imported late: the help of all commands is faster without the errors of a start. */
async function failureOf(error: unknown): Promise<Error> {
  return (await import("../../start-failure.ts")).startFailure(error);
}

async function runUntil(signals: Signals, starting: ReturnType<StartApp>): Promise<number> {
  const app = await starting;
  signals.running(app);
  await app.stop(await Promise.race([signals.first, app.failed]));
  return EXIT.ok;
}

interface Signals {
  readonly first: Promise<Signal>;
  readonly second: Promise<Signal>;
  /** Names the app to reload on SIGHUP. A SIGHUP that arrived earlier takes effect now. */
  running(app: Running): void;
  close(): void;
}

function listenForSignals(emitter: EventEmitter): Signals {
  const first = Promise.withResolvers<Signal>();
  const second = Promise.withResolvers<Signal>();
  const running = Promise.withResolvers<Running>();
  let received = 0;
  const onStop = (signal: Signal) => {
    received += 1;
    (received === 1 ? first : second).resolve(signal);
  };
  const onHangUp = () => void running.promise.then((app) => app.reload());
  emitter.on("SIGINT", onStop).on("SIGTERM", onStop).on("SIGHUP", onHangUp);
  const close = () => void emitter.off("SIGINT", onStop).off("SIGTERM", onStop).off("SIGHUP", onHangUp);
  return { first: first.promise, second: second.promise, running: running.resolve, close };
}
