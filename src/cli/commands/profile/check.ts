import { realpathSync, statSync } from "node:fs";
import { basename } from "node:path";
import type { Command } from "commander";
import { ConfigError, type Fault } from "../../../schema/fault.ts";
import { EXIT, Failure } from "../../failure.ts";
import { moreHelp } from "../../input/more-help.ts";
import type { Io } from "../../io.ts";
import { printable, printableJson } from "../../output/safe-text.ts";
import { table } from "../../output/table.ts";

/** Stands in for the issuer of the service: the checks only compare issuers with each other. */
const ISSUER = "https://issuer.invalid";

interface CheckOptions {
  readonly replace?: readonly string[];
  readonly json?: boolean;
}

export function addProfileCheck(profile: Command, io: Io): void {
  profile
    .command("check <file...>")
    .description("check profile files, or folders of them, alone and together with the profiles that ship")
    .option("--replace <profile...>", "profiles that ship and that these files replace, as in profiles.replace")
    .option("--json", "print the profiles as JSON")
    .addHelpText(
      "after",
      moreHelp({
        examples: ["signet profile check my-profiles/lobby.yaml", "signet profile check my-profiles --replace hivekit"],
        notes: ["It needs no running service. --replace takes all words after it, so it goes last."],
        exitCodes: {
          0: "no faults",
          1: "faults",
          2: "wrong usage",
        },
      }),
    )
    .action((paths: string[], options: CheckOptions) => check(paths, options, io));
}

async function check(paths: readonly string[], options: CheckOptions, io: Io): Promise<void> {
  const { checked, shared } = await loadProfiles(paths, options.replace ?? []);
  if (options.json) io.stdout.write(`${printableJson({ profiles: checked, shared })}\n`);
  else io.stdout.write(table(checked.map(({ name, file }) => ["ok", printable(name), printable(file)])));
  for (const { keyset, files } of shared)
    io.stderr.write(
      `warning: ${files.map(printable).join(" and ")} share the keyset ${keyset}, issuer and typ: ` +
        "each accepts tokens of the others that satisfy its audience, accept and rules\n",
    );
}

async function loadProfiles(paths: readonly string[], replaced: readonly string[]) {
  // Imported late: commands that only call the service start faster without the profile checks.
  const [{ loadProfileFiles, profileFiles }, { SHIPPED_PROFILES }, { sharedKeysets }] = await Promise.all([
    import("../../../profile/load.ts"),
    import("../../../config/load-rules.ts"),
    import("../../../profile/keysets.ts"),
  ]);
  const faults: Fault[] = [];
  const named = paths.flatMap((path) => (isFolder(path) ? profileFiles(path, faults) : [path]));
  const given = new Map(named.map((file) => [realPath(file), file]));
  const all = profileFiles(SHIPPED_PROFILES, faults);
  const nameOf = (file: string) => basename(file, ".yaml");
  const shipped = all.filter((file) => !given.has(realPath(file)) && !replaced.includes(nameOf(file)));
  for (const name of replaced.filter((name) => !all.some((file) => nameOf(file) === name)))
    faults.push({ file: "--replace", path: "", message: `${name} is not the name of a profile that ships` });
  try {
    const loaded = loadProfileFiles(shipped, [...given.values()], ISSUER, faults);
    const checked = loaded.slice(shipped.length).map(({ file, profile: { name, digest } }) => ({ file, name, digest }));
    const fileOf = new Map(loaded.map(({ file, profile }) => [profile.name, file]));
    const shared = sharedKeysets(loaded.map(({ profile }) => profile)).map(({ keyset, profiles }) => ({
      keyset,
      files: profiles.map((name) => fileOf.get(name) ?? name),
    }));
    return { checked, shared };
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    const report = { code: "PROFILE", message: "the profiles have faults", faults: error.faults };
    throw new Failure(report, EXIT.negative, { cause: error });
  }
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}

/** Identifies a file that is given twice, or that ships: it is not a second profile with the same name. */
function realPath(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}
