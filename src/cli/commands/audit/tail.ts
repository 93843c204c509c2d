import { once } from "node:events";
import { type Command, Option } from "commander";
import type { TailOptions as Query } from "../../../nats/audit/tail.ts";
import { EXIT, Failure } from "../../failure.ts";
import { auditSubject } from "../../input/audit-subject.ts";
import { count, examples } from "../../input/options.ts";
import type { Io } from "../../io.ts";
import { type AuditMessage, auditJson, auditLine } from "../../output/audit-line.ts";
import { redact } from "../../output/safe-text.ts";

interface TailOptions {
  readonly nats: string;
  readonly last: number;
  readonly all?: boolean;
  readonly subject?: string;
  readonly type?: string;
  readonly profile?: string;
  readonly follow: boolean;
  readonly json?: boolean;
}

export function addAuditTail(audit: Command, io: Io): void {
  audit
    .command("tail")
    .description("print audit events as they arrive: time, type, profile, id, caller, key")
    .option("--nats <url>", "the NATS server (SIGNET_NATS_URL)", io.env.SIGNET_NATS_URL ?? "nats://127.0.0.1:4222")
    .option("--last <count>", "start with this many stored events", count, 10)
    .addOption(new Option("--all", "start with the first stored event").conflicts("last"))
    .addOption(new Option("--subject <filter>", "a NATS subject under signet.audit").conflicts(["type", "profile"]))
    .option("--type <type>", "only events of this type, such as token.issued")
    .option("--profile <profile>", "only events of this profile")
    .option("--no-follow", "exit after the stored events")
    .option("--json", "print the events as proto-JSON, one a line")
    .addHelpText(
      "after",
      examples("signet audit tail --type token.issued --profile service", "signet audit tail --all --no-follow --json"),
    )
    .action((options: TailOptions) => tailEvents(options, io));
}

async function tailEvents(options: TailOptions, io: Io): Promise<void> {
  const query = { url: options.nats, subject: auditSubject(options), from: start(options), follow: options.follow };
  const stop = new AbortController();
  const stopped = once(stop.signal, "abort");
  const abort = () => stop.abort();
  io.signals.once("SIGINT", abort);
  io.signals.once("SIGTERM", abort);
  // `audit tail | head` closes the pipe: no reader is left.
  io.stdout.once("error", abort);
  try {
    // A signal ends the command at once, even while it connects to NATS or waits for an answer.
    await Promise.race([print({ ...query, signal: stop.signal }, options.json ? auditJson : auditLine, io), stopped]);
  } catch (error) {
    throw readFailure(error, options.nats);
  } finally {
    io.signals.off("SIGINT", abort);
    io.signals.off("SIGTERM", abort);
    io.stdout.off("error", abort);
    stop.abort();
  }
}

async function print(query: Query, show: (message: AuditMessage) => string, io: Io): Promise<void> {
  // Imported late: the other commands do not load the NATS client.
  const { tail } = await import("../../../nats/audit/tail.ts");
  for await (const message of tail(query)) io.stdout.write(`${show(message)}\n`);
}

function start({ all, last }: TailOptions): Query["from"] {
  if (all) return "all";
  return last === 0 ? "new" : { last };
}

function readFailure(error: unknown, url: string): Failure {
  const cause = error instanceof Error ? error.message : String(error);
  const message = redact(`cannot read audit events from NATS at ${url}: ${cause}`);
  return new Failure({ code: "UNAVAILABLE", message }, EXIT.failed, { cause: error });
}
