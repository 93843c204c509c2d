import type { Command } from "commander";
import { BackupError } from "../../../backup/archive.ts";
import type { Config } from "../../../config/config.ts";
import { counted } from "../../../counted.ts";
import { FileError } from "../../../files/file-error.ts";
import { EXIT, Failure, MISNAMED, usageError } from "../../failure.ts";
import { moreHelp } from "../../input/more-help.ts";
import type { Io } from "../../io.ts";
import { loadOrFail, withData } from "../../load-config.ts";
import { type Progress, withProgress } from "../../output/progress.ts";
import { printable, printableJson } from "../../output/safe-text.ts";
import { table } from "../../output/table.ts";
import { startFailure } from "../../start-failure.ts";

/** The keys and revocations that were exported or restored. */
interface CopiedKeys {
  readonly rings: readonly { readonly name: string; readonly epoch: number; readonly keys: number }[];
  readonly revocations: number;
}

/**
 * Copies keys between the configured store and a file. An argument, since opening a store is above the command line.
 */
export interface KeyBackup {
  exportKeys(config: Config, path: string, now: () => number, say: Progress["say"]): Promise<CopiedKeys>;
  restoreKeys(config: Config, path: string, now: () => number, say: Progress["say"]): Promise<CopiedKeys>;
}

interface StoreOptions {
  readonly config?: string;
  readonly data?: string;
  readonly json?: boolean;
}

const MORE_HELP = {
  notes: [
    "Stop a service with a file store first. The file holds the keys sealed, as they are stored: keep it apart from " +
      "the key-encryption key.",
  ],
  exitCodes: {
    0: "done",
    2: "refused, or wrong usage",
    65: "stored keys are damaged",
    66: "the key-encryption key or the state is missing",
    74: "the state is damaged, open to other users or unusable",
    75: "the data folder is in use",
    77: "the key-encryption key is wrong",
    78: "the configuration has faults, or does not fit the data folder",
  },
};

export function addKeysExport(keys: Command, io: Io, backup: KeyBackup): void {
  storeOptions(
    keys
      .command("export")
      .description("copy all keys, imported secrets and revocations of the configured store to a new file")
      .requiredOption("--out <file>", "the new file; an existing file is never overwritten"),
  )
    .addHelpText(
      "after",
      moreHelp({ examples: ["signet keys export --out keys-2026-11-22.signet --data ./data"], ...MORE_HELP }),
    )
    .action((options: StoreOptions & { readonly out: string }) =>
      copy(options, io, "exported", (config, say) => backup.exportKeys(config, options.out, io.now, say)),
    );
}

export function addKeysRestore(keys: Command, io: Io, backup: KeyBackup): void {
  storeOptions(
    keys
      .command("restore <file>")
      .description(
        "copy exported keys into the configured store; newer state there is never overwritten or rolled back",
      ),
  )
    .addHelpText(
      "after",
      moreHelp({ examples: ["signet keys restore keys-2026-11-22.signet --data ./data"], ...MORE_HELP }),
    )
    .action((file: string, options: StoreOptions) =>
      copy(options, io, "restored", (config, say) => backup.restoreKeys(config, file, io.now, say)),
    );
}

function storeOptions(command: Command): Command {
  return command
    .option("--config <file>", "the configuration file (SIGNET_CONFIG)")
    .option("--data <dir>", "the data folder (SIGNET_DATA)")
    .option("--json", "print what was copied as JSON");
}

async function copy(
  options: StoreOptions,
  io: Io,
  verb: string,
  work: (config: Config, say: Progress["say"]) => Promise<CopiedKeys>,
): Promise<void> {
  const config = await loadOrFail(options.config, withData(io.env, options.data), EXIT.config);
  const copying = withProgress(io, options, "opening the store", (say) => work(config, say));
  const { rings, revocations } = await copying.catch((error: unknown) => {
    throw copyFailure(error);
  });
  const copied = { rings: rings.map(({ name, epoch, keys }) => ({ name, epoch, keys })), revocations };
  if (options.json) io.stdout.write(`${printableJson(copied)}\n`);
  else io.stdout.write(sheet(copied, verb));
}

function sheet({ rings, revocations }: CopiedKeys, verb: string): string {
  const rows = rings.map(({ name, epoch, keys }) => [printable(name), `epoch ${epoch}`, counted(keys, "key")]);
  return `${table(rows)}${verb}, with ${counted(revocations, "revocation")}\n`;
}

function copyFailure(error: unknown): Failure {
  if (error instanceof BackupError)
    return new Failure({ code: error.code, message: error.message }, EXIT.failed, { cause: error });
  const code = error instanceof FileError ? error.code : undefined;
  if (code === "EEXIST") return usageError("the file of --out exists; it is never overwritten");
  if (error instanceof FileError && MISNAMED.includes(error.code)) return usageError(error.message);
  return startFailure(error);
}
