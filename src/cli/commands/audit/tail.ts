import { once } from "node:events";
import { type Command, Option } from "commander";
import type { TailQuery } from "../../../nats/audit/tail.ts";
import { EXIT, Failure, usageError } from "../../failure.ts";
import { type AuditFilterOptions, auditFilter } from "../../input/audit-filter.ts";
import { count, examples, since } from "../../input/options.ts";
import type { Io } from "../../io.ts";
import { type AuditMessage, auditJson, auditLine } from "../../output/audit-line.ts";
import { redact, safeJson } from "../../output/safe-text.ts";

interface TailOptions extends AuditFilterOptions {
  readonly nats: string;
  readonly last?: number;
  readonly since?: Date;
  readonly all?: boolean;
  readonly follow: boolean;
  readonly json?: boolean;
}

const DEFAULT_LAST = 10;

export function addAuditTail(audit: Command, io: Io): void {
  audit
    .command("tail")
    .description("print audit events as they arrive: time, type, profile, id, caller, key")
    .option("--nats <url>", "the NATS server (SIGNET_NATS_URL)", io.env.SIGNET_NATS_URL ?? "nats://127.0.0.1:4222")
    .option("--last <count>", "start with this many of the stored events (default: 10, or all with --since)", count)
    .option("--since <time>", "start with what was stored since: an RFC 3339 time, or a duration such as 15m", (text) =>
      since(text, io.now()),
    )
    .addOption(new Option("--all", "start with the first stored event").conflicts(["last", "since"]))
    .addOption(new Option("--subject <filter>", "a NATS subject under signet.audit").conflicts(["type", "profile"]))
    .option("--type <type...>", "only events of these types, such as token.issued")
    .option("--profile <profile...>", "only events of these profiles")
    .option("--caller <caller...>", "only events of these callers")
    .option("--key <kid...>", "only events that name one of these keys")
    .option("--token <id...>", "only events that name one of these tokens, by its id")
    .option("--no-follow", "exit after the stored events")
    .option("--json", "print the events as proto-JSON, one a line")
    .addHelpText(
      "after",
      examples(
        "signet audit tail --type token.issued token.denied --profile service",
        "signet audit tail --since 15m --caller loopback --no-follow",
        "signet audit tail --all --no-follow --json",
      ),
    )
    .action((options: TailOptions) => tailEvents(options, io));
}

async function tailEvents(options: TailOptions, io: Io): Promise<void> {
  if (options.nats === "")
    throw usageError("--nats (SIGNET_NATS_URL) is empty: such a service keeps its events in its spool, in no stream");
  const query = {
    url: options.nats,
    ...auditFilter(options),
    since: options.since,
    last: options.last ?? (options.all || options.since !== undefined ? undefined : DEFAULT_LAST),
    follow: options.follow,
  };
  // The order of a chain is checked over the bytes of a pipe; on a terminal they must not be commands to it.
  const json = (message: AuditMessage) => (io.stdout.isTTY ? safeJson(auditJson(message)) : auditJson(message));
  const stop = new AbortController();
  const stopped = once(stop.signal, "abort");
  const abort = () => stop.abort();
  io.signals.once("SIGINT", abort);
  io.signals.once("SIGTERM", abort);
  // `audit tail | head` closes the pipe: no reader is left.
  io.stdout.once("error", abort);
  try {
    // A signal ends the command at once, even while it connects to NATS or waits for an answer.
    await Promise.race([print({ ...query, signal: stop.signal }, options.json ? json : auditLine, io), stopped]);
  } catch (error) {
    throw readFailure(error, options.nats);
  } finally {
    io.signals.off("SIGINT", abort);
    io.signals.off("SIGTERM", abort);
    io.stdout.off("error", abort);
    stop.abort();
  }
}

async function print(query: TailQuery, show: (message: AuditMessage) => string, io: Io): Promise<void> {
  // Imported late: the other commands do not load the NATS client.
  const { tail } = await import("../../../nats/audit/tail.ts");
  for await (const message of tail(query)) io.stdout.write(`${show(message)}\n`);
}

function readFailure(error: unknown, url: string): Failure {
  const cause = error instanceof Error ? error.message : String(error);
  const message = redact(`cannot read audit events from NATS at ${url}: ${cause}`);
  return new Failure({ code: "UNAVAILABLE", message }, EXIT.failed, { cause: error });
}
