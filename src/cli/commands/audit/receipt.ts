import type { Command } from "commander";
import { EventSearch, issuedToken, NoReceiptError, type Wanted } from "../../../audit/receipt/event-search.ts";
import { createFile } from "../../../files/durable.ts";
import { FileError } from "../../../files/file-error.ts";
import { identityFault, tokenFault } from "../../../problem/field-rules.ts";
import { Failure, usageError } from "../../failure.ts";
import { absentFrom, readLog, unreadLog } from "../../input/audit-log.ts";
import { readPolicy } from "../../input/log-policy.ts";
import { moreHelp } from "../../input/more-help.ts";
import { givenNatsOptions, type NatsOptions, natsOptions } from "../../input/nats-options.ts";
import { filePath } from "../../input/options.ts";
import { untilInterrupted } from "../../interruption.ts";
import type { Io } from "../../io.ts";
import { startProgress } from "../../output/progress.ts";

interface ReceiptOptions extends NatsOptions {
  readonly policy?: string;
  readonly out?: string;
}

export function addAuditReceipt(audit: Command, io: Io): void {
  const command = audit
    .command("receipt <token-id> [file...]")
    .description("print the proof that a token is in the log: from the stream, or from exported files");
  natsOptions(command, io)
    .option("--policy <file>", "take only checkpoints that it trusts, a C2SP tlog-policy: signet audit keys", filePath)
    .option("--out <file>", "a new file instead of standard output; an existing file is never overwritten", filePath)
    .addHelpText(
      "after",
      moreHelp({
        examples: [
          "signet audit receipt 0198f2d4-7c1e-7abc-8def-0123456789ab --out token.tlog-proof",
          "signet audit receipt 0198f2d4-7c1e-7abc-8def-0123456789ab archive/*.ndjson",
        ],
        notes: [
          "A receipt is a C2SP tlog-proof with the bytes of the event. Who has the policy checks it offline: signet " +
            "audit check-receipt. All events of the writer up to a checkpoint are needed, from its first one on. A " +
            "checkpoint comes within a minute: until then the answer is PENDING.",
        ],
        exitCodes: {
          0: "done",
          1: "there is no receipt: no such token, no log, the log is not whole, or files have no checkpoint",
          2: "wrong usage, interrupted, or the log can't be read",
          3: "PENDING: no checkpoint of the stream covers the event yet",
        },
      }),
    )
    .action((token: string, files: string[], options: ReceiptOptions) => {
      const fault = identityFault(token) ?? tokenFault(token);
      if (fault !== undefined) throw usageError(`TOKEN_ID must be the id of a token; it ${fault}`);
      const unused = files.length === 0 ? [] : givenNatsOptions(command);
      if (unused.length > 0) throw usageError(`with files, NATS is not asked: leave out ${unused.join(", ")}`);
      return giveReceipt(issuedToken(token), files, options, io);
    });
}

/** Prints the receipt of the event that is looked for, or writes it into a new file. */
export async function giveReceipt(
  wanted: Wanted,
  files: readonly string[],
  options: ReceiptOptions,
  io: Io,
): Promise<void> {
  const search = new EventSearch(wanted, await readPolicy(options.policy));
  const progress = startProgress(io, {}, files.length === 0 ? "connecting to NATS" : "reading events");
  try {
    const isRead = await untilInterrupted(io, async (signal) => {
      let read = 0;
      for await (const item of readLog(files, options, io, signal)) {
        if ("note" in item) search.addCheckpoint(item.note);
        else search.addEvent(item.body);
        progress.say(`looking for the event: ${++read} read`);
      }
      return true;
    });
    if (isRead === undefined) throw new Failure({ code: "CANCELLED", message: "interrupted: there is no receipt" });
    const receipt = search.receipt();
    progress.end();
    if (options.out === undefined) io.stdout.write(receipt);
    else await createFile(options.out, receipt);
  } catch (error) {
    throw receiptFailure(error, options, files);
  } finally {
    progress.end();
  }
}

function receiptFailure(error: unknown, options: ReceiptOptions, files: readonly string[]): Failure {
  if (error instanceof NoReceiptError) return absentFrom(files, error);
  if (error instanceof FileError)
    return error.code === "EEXIST"
      ? usageError("the file of --out exists; it is never overwritten")
      : usageError(error.message);
  return unreadLog(error, files, options);
}
