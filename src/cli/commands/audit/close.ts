import { type Command, Option } from "commander";
import type { Config } from "../../../config/config.ts";
import { EXIT, Failure } from "../../failure.ts";
import { moreHelp } from "../../input/more-help.ts";
import { duration } from "../../input/options.ts";
import type { Io } from "../../io.ts";
import { loadOrFail, withData } from "../../load-config.ts";
import { type Progress, withProgress } from "../../output/progress.ts";
import { printableJson } from "../../output/safe-text.ts";
import { startFailure } from "../../start-failure.ts";

/** Closes the log of a data folder. An argument, since opening a spool is above the command line. */
export type CloseWriter = (
  config: Config,
  options: {
    readonly waitMs: number;
    readonly now: () => number;
    readonly stderr: Io["stderr"];
    readonly say: Progress["say"];
  },
) => Promise<{ readonly writer: string; readonly again: boolean; readonly behind: string | undefined }>;

interface CloseOptions {
  readonly config?: string;
  readonly data?: string;
  readonly wait: number;
  readonly json?: boolean;
}

export function addAuditClose(audit: Command, io: Io, closeWriter: CloseWriter): void {
  audit
    .command("close")
    .description("close the audit log of a replica that was taken away for good, in its data folder")
    .option("--config <file>", "the configuration file of the replica (SIGNET_CONFIG)")
    .option("--data <dir>", "its data folder (SIGNET_DATA)")
    .addOption(
      new Option("--wait <duration>", "how long each step may wait for NATS").argParser(duration).default(60_000, "1m"),
    )
    .option("--json", "print the writer as JSON")
    .addHelpText(
      "after",
      moreHelp({
        examples: ["signet audit close --config signet.yaml --data /var/lib/signet"],
        notes: [
          "Stop the replica first. NATS gets the events that it does not have, then the last event of the log " +
            "(writer.closed) and its last checkpoint. When this has ended with 0, nothing in the folder is needed any " +
            "more. Until then nothing is lost, and it may be repeated: it goes on where it was killed.",
          "A folder that was restored from an older copy does not have the end of its log: then the command closes " +
            "another log, whose first event says so, and prints the writer to retire.",
          "Where the folder is lost there is nothing to close: signet audit retire WRITER --reason TEXT.",
        ],
        exitCodes: {
          0: "the log is closed, and NATS has all of it",
          2: "wrong usage",
          66: "the key-encryption key or the state is missing",
          74: "NATS is unreachable, or the state or the spool is damaged, open to other users or unusable",
          75: "the data folder is in use",
          77: "the key-encryption key is wrong",
          78: "the configuration has faults, or does not fit the data folder",
        },
      }),
    )
    .action((options: CloseOptions) => close(options, io, closeWriter));
}

function advice(behind: string): string {
  return `${behind} has no end in this folder, which may not have all of its log. \
Record that: signet audit retire ${behind} --reason folder-restored\n`;
}

async function close(options: CloseOptions, io: Io, closeWriter: CloseWriter): Promise<void> {
  const config = await loadOrFail(options.config, withData(io.env, options.data), EXIT.config);
  if (config.nats === undefined) {
    const message = "nats.url is empty: nobody outside this folder has events of the log, so it needs no end";
    throw new Failure({ code: "CONFIG", message }, EXIT.config);
  }
  const { stderr, now } = io;
  const closing = withProgress(io, options, "opening the audit log", (say) =>
    closeWriter(config, { waitMs: options.wait, now, stderr, say }),
  );
  const { writer, again, behind } = await closing.catch((error: unknown) => {
    throw startFailure(error);
  });
  if (options.json) io.stdout.write(`${printableJson({ writer, again, behind })}\n`);
  else io.stdout.write(`${writer} ${again ? "was closed before" : "is closed"}\n${behind ? advice(behind) : ""}`);
}
