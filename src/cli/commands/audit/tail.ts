import { type Command, Option } from "commander";
import { checkpointSubject } from "../../../audit/stream-message.ts";
import type { TailQuery } from "../../../nats/audit/tail.ts";
import { Failure } from "../../failure.ts";
import { type AuditFilterOptions, auditFilter } from "../../input/audit-filter.ts";
import { auditStreamOf, unreadStream } from "../../input/audit-stream.ts";
import { moreHelp } from "../../input/more-help.ts";
import { type NatsOptions, natsOptions } from "../../input/nats-options.ts";
import { count, since } from "../../input/options.ts";
import { untilInterrupted } from "../../interruption.ts";
import type { Io } from "../../io.ts";
import { type AuditMessage, auditJson, Covered, markedLine } from "../../output/audit-line.ts";
import { type Progress, startProgress } from "../../output/progress.ts";
import { safeJson } from "../../output/safe-text.ts";

interface TailOptions extends AuditFilterOptions, NatsOptions {
  readonly last?: number;
  readonly since?: Date;
  readonly all?: boolean;
  readonly follow: boolean;
  readonly json?: boolean;
}

const DEFAULT_LAST = 10;

export function addAuditTail(audit: Command, io: Io): void {
  const tail = audit
    .command("tail")
    .description("print audit events as they arrive: time, type, profile, id, caller, key");
  natsOptions(tail, io)
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
      moreHelp({
        examples: [
          "signet audit tail --type token.issued token.denied --profile service",
          "signet audit tail --since 15m --caller loopback --no-follow",
          "signet audit tail --all --no-follow --json",
          "signet audit tail --nats tls://nats.example:4222 --tls-ca ca.crt --creds auditor.creds",
        ],
        notes: [
          "Filters combine: an event must satisfy every option, and one of the values of each. NATS filters types " +
            "and profiles; the command reads the rest, and to find the last events of a key, a caller or a token it " +
            "reads backwards as far as it must, which --since bounds. The types: docs/audit-events.md.",
          "Each line ends with `covered` if a checkpoint in the stream covers the event, and with `pending` if none did " +
            "yet when it was printed. That it covers these very events is what signet audit verify checks.",
          "JetStream finds the place of --since by the time at which it stored an event; after an outage that is " +
            "later than the event's own time.",
        ],
        exitCodes: {
          0: "done, the reader closed the pipe, or, without --no-follow, it was interrupted",
          2: "wrong usage, interrupted with --no-follow, or NATS refused or did not answer",
        },
      }),
    )
    .action((options: TailOptions) => tailEvents(options, io));
}

async function tailEvents(options: TailOptions, io: Io): Promise<void> {
  const query = {
    access: auditStreamOf(options),
    ...auditFilter(options),
    since: options.since,
    last: options.last ?? (options.all || options.since !== undefined ? undefined : DEFAULT_LAST),
    follow: options.follow,
  };
  // The order of a chain is checked over the bytes of a pipe; on a terminal they must not be commands to it.
  const json = (message: AuditMessage) => (io.stdout.isTTY ? safeJson(auditJson(message)) : auditJson(message));
  const progress = startProgress(io, options, "connecting to NATS");
  let isReaderGone = false;
  io.stdout.once("error", () => {
    isReaderGone = true;
  });
  try {
    const isRead = await untilInterrupted(io, async (signal) => {
      const told = telling({ ...query, signal }, progress);
      await (options.json ? print(told, json, progress, io) : printMarked(told, progress, io));
      return true;
    });
    if (isRead === undefined && !options.follow && !isReaderGone)
      throw new Failure({ code: "CANCELLED", message: "interrupted: not all stored events were read" });
  } catch (error) {
    throw unreadStream(error, options);
  } finally {
    progress.end();
  }
}

/** Prints events with the mark whether a checkpoint covers them. Bodies in JSON have none: their bytes are hashed. */
async function printMarked(query: TailQuery, progress: Progress, io: Io): Promise<void> {
  const { lastOfSubjects } = await import("../../../nats/audit/tail.ts");
  const covered = new Covered();
  for await (const message of lastOfSubjects(query, checkpointSubject("*"))) covered.add(message);
  const show = (message: AuditMessage) => {
    covered.add(message);
    return markedLine(message, covered);
  };
  await print(query, show, progress, io);
}

/** The query with its progress: how many events were read, until those that are to come are waited for. */
function telling(query: TailQuery, progress: Progress): TailQuery {
  const { matches, follow } = query;
  let read = 0;
  const counting: TailQuery["matches"] = (event) => {
    read += 1;
    progress.say(`looking for events: ${read} read`);
    return matches?.(event) ?? true;
  };
  const onStart = () => (follow ? progress.end() : progress.say("reading events"));
  return { ...query, matches: matches && counting, onStart };
}

async function print(
  query: TailQuery,
  show: (message: AuditMessage) => string,
  progress: Progress,
  io: Io,
): Promise<void> {
  // Imported late: the other commands do not load the NATS client.
  const { tail } = await import("../../../nats/audit/tail.ts");
  let printed = 0;
  for await (const message of tail(query)) {
    // On a terminal the events themselves are the progress.
    if (io.stdout.isTTY) progress.end();
    progress.say(`reading events: ${++printed} printed`);
    io.stdout.write(`${show(message)}\n`);
  }
}
