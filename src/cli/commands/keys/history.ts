import { type Command, Option } from "commander";
import { publishedKey } from "../../../audit/receipt/event-search.ts";
import { StreamPlaces } from "../../../audit/verify/stream-places.ts";
import { counted } from "../../../counted.ts";
import { FileError } from "../../../files/file-error.ts";
import { Failure, usageError } from "../../failure.ts";
import { type HistoricKey, historyJson, historyTable, KeyHistory } from "../../history/keys.ts";
import { linesIn, nameOf } from "../../input/audit-files.ts";
import { auditStreamOf, unreadStream } from "../../input/audit-stream.ts";
import { moreHelp } from "../../input/more-help.ts";
import { givenNatsOptions, type NatsOptions, natsOptions } from "../../input/nats-options.ts";
import { filePath } from "../../input/options.ts";
import { untilInterrupted } from "../../interruption.ts";
import type { Io } from "../../io.ts";
import type { Locate } from "../../output/audit-verdict.ts";
import { type Progress, startProgress } from "../../output/progress.ts";
import { printableJson } from "../../output/safe-text.ts";
import { giveReceipt } from "../audit/receipt.ts";

interface HistoryOptions extends NatsOptions {
  readonly keyset?: string;
  readonly key?: string;
  readonly jwks?: boolean;
  readonly proof?: boolean;
  readonly policy?: string;
  readonly json?: boolean;
}

/** The subjects of `key.published`, whatever its profile. */
const SUBJECT = "signet.audit.key.published.*";

export function addKeysHistory(keys: Command, io: Io): void {
  const command = keys
    .command("history [file...]")
    .description("show every public key of the audit log: of the stream, or of exported files (- for standard input)");
  natsOptions(command, io)
    .option("--keyset <keyset>", "only the keys of this keyset")
    .option("--key <kid>", "only the keys with this id")
    .addOption(new Option("--jwks", "print the keys as a JWKS").conflicts("json"))
    .addOption(new Option("--proof", "print the proof that the key of --key is in the log").conflicts(["json", "jwks"]))
    .option("--policy <file>", "with --proof, take only checkpoints that it trusts: signet audit keys", filePath)
    .option("--json", "print the keys and the places of their events as JSON")
    .addHelpText(
      "after",
      moreHelp({
        examples: [
          "signet keys history",
          "signet keys history --key KID --jwks > old-key.json",
          "signet keys history --key KID --proof > key.tlog-proof",
          "signet keys history --json audit-2026-11-22.ndjson",
        ],
        notes: [
          "The log keeps a public key for longer than the JWKS, so that a signature can be checked when its key is " +
            "gone. It says who signed, not that a token is still valid: never accept tokens with these keys. First " +
            "check the log itself with signet audit verify, or the proof with signet audit check-receipt.",
        ],
        exitCodes: {
          0: "done, also when the log has no key",
          1: "there is no proof: no such key, no log, the log is not whole, or files have no checkpoint",
          2: "wrong usage, interrupted, or the log can't be read",
          3: "PENDING: no checkpoint of the stream covers the event yet",
        },
      }),
    )
    .action((files: string[], options: HistoryOptions) => {
      const unused = files.length === 0 ? [] : givenNatsOptions(command);
      if (unused.length > 0) throw usageError(`with files, NATS is not asked: leave out ${unused.join(", ")}`);
      if (options.policy !== undefined && !options.proof) throw usageError("--policy is for --proof alone");
      return options.proof ? prove(files, options, io) : showHistory(files, options, io);
    });
}

function prove(files: readonly string[], options: HistoryOptions, io: Io): Promise<void> {
  if (options.key === undefined) throw usageError("a proof is of one key: name it with --key KID");
  return giveReceipt(publishedKey(options.key, options.keyset), files, options, io);
}

async function showHistory(files: readonly string[], options: HistoryOptions, io: Io): Promise<void> {
  const history = new KeyHistory();
  const progress = startProgress(io, options, files.length === 0 ? "connecting to NATS" : "reading events");
  try {
    const locate = await untilInterrupted(io, (signal) =>
      files.length === 0 ? addStream(history, options, signal, progress) : addFiles(history, files, io, progress),
    );
    if (locate === undefined)
      throw new Failure({ code: "CANCELLED", message: "interrupted: the history is not whole" });
    progress.end();
    const keys = history.keys.filter(({ key }) => isAsked(key, options));
    io.stdout.write(shown(keys, options, locate));
  } catch (error) {
    if (error instanceof FileError) throw usageError(error.message);
    throw files.length === 0 ? unreadStream(error, options) : error;
  } finally {
    progress.end();
  }
}

function isAsked({ keyset, keyId }: HistoricKey["key"], asked: HistoryOptions): boolean {
  return (asked.keyset ?? keyset) === keyset && (asked.key ?? keyId) === keyId;
}

function shown(keys: readonly HistoricKey[], { json, jwks }: HistoryOptions, locate: Locate): string {
  if (jwks) return `${printableJson({ keys: keys.map(({ key }) => key.jwk) })}\n`;
  return json ? `${printableJson(historyJson(keys, locate))}\n` : historyTable(keys);
}

async function addStream(
  history: KeyHistory,
  options: HistoryOptions,
  signal: AbortSignal,
  progress: Progress,
): Promise<Locate> {
  // Imported late: files need no NATS client.
  const { tail } = await import("../../../nats/audit/tail.ts");
  const places = new StreamPlaces();
  let read = 0;
  const onStart = (from: number) => {
    if (from > 1) progress.note("trimmed: the files of the archive may have more keys than the stream: name them");
  };
  const query = { access: auditStreamOf(options), subjects: [SUBJECT], follow: false, onStart, signal };
  for await (const message of tail(query)) {
    history.add(message.body, places.put(message));
    progress.say(`reading keys: ${counted(++read, "event")} read`);
  }
  return (at) => {
    const { stream, seq } = places.of(at);
    return { text: `${stream} sequence ${seq}`, members: { stream, streamSeq: seq } };
  };
}

async function addFiles(history: KeyHistory, files: readonly string[], io: Io, progress: Progress): Promise<Locate> {
  /** How many lines were read before each file. */
  const starts: number[] = [];
  let lines = 0;
  for (const file of files) {
    starts.push(lines);
    for await (const line of linesIn([file], io)) {
      history.add(line, ++lines);
      progress.say(`reading keys: ${counted(lines, "event")} read`);
    }
  }
  return (at) => {
    const file = starts.findLastIndex((start) => start < at);
    const members = { file: files[file] ?? "", line: at - (starts[file] ?? 0) };
    return { text: `${nameOf(members.file)} line ${members.line}`, members };
  };
}
