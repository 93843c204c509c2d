import { Command } from "commander";
import packageJson from "../../package.json" with { type: "json" };
import { addAuditTail } from "./commands/audit/tail.ts";
import { addKeysExport, addKeysRestore, type KeyBackup } from "./commands/keys/export-restore.ts";
import { addKeysImport } from "./commands/keys/import.ts";
import { addKeysList } from "./commands/keys/list.ts";
import { addKeysPlan } from "./commands/keys/plan.ts";
import { addKeysRevoke } from "./commands/keys/revoke.ts";
import { addKeysRotate } from "./commands/keys/rotate.ts";
import { addProfileCheck } from "./commands/profile/check.ts";
import { addProfileList } from "./commands/profile/list.ts";
import { addProfileShow } from "./commands/profile/show.ts";
import { addConfigCheck } from "./commands/service/config-check.ts";
import { addServe, type StartApp } from "./commands/service/serve.ts";
import { addTokenIssue } from "./commands/token/issue.ts";
import { addTokenRevoke } from "./commands/token/revoke.ts";
import { addTokenVerify } from "./commands/token/verify.ts";
import { EXIT } from "./failure.ts";
import type { Exit, Io } from "./io.ts";
import { report } from "./output/report.ts";

/**
 * Runs one command line, with `argv` as in `process.argv`, and resolves with its exit code. It never rejects and never
 * exits the process. The caller MUST exit with the code even if work is left: a stop of `serve` that a second signal
 * cut short, or a connection that gRPC was making when the deadline passed.
 */
export async function run(argv: readonly string[], io: Io, startApp: StartApp, backup: KeyBackup): Promise<number> {
  let code: number = EXIT.ok;
  const program = buildProgram(io, startApp, backup, (ended) => {
    code = ended;
  });
  // Without a listener, a reader that closes the pipe (`signet keys list | head -1`) would cause a stack trace.
  const ignore = () => {};
  io.stdout.on("error", ignore);
  try {
    await program.parseAsync(argv);
    return code;
  } catch (error) {
    return report(error, io, argv.includes("--json"));
  } finally {
    io.stdout.off("error", ignore);
  }
}

/** Builds all commands and runs none. */
export function buildProgram(io: Io, startApp: StartApp, backup: KeyBackup, exit: Exit): Command {
  const program = new Command("signet")
    .description("issue, verify and revoke scoped JSON Web Tokens")
    .version(packageJson.version)
    .exitOverride()
    .configureOutput({
      writeOut: (text) => io.stdout.write(text),
      writeErr: (text) => io.stderr.write(text),
      // report() writes usage errors, without the values that they quote.
      outputError: () => {},
    })
    .addHelpText(
      "after",
      "\nExit codes: 0 success, 1 not valid, 2 wrong usage, refused or no answer (for serve see: signet serve --help).",
    );
  addServe(program, io, exit, startApp);
  const token = program.command("token").description("issue, verify and revoke tokens");
  addTokenIssue(token, io);
  addTokenVerify(token, io, exit);
  addTokenRevoke(token, io);
  const keys = program.command("keys").description("list, rotate, revoke and back up keys, and import secrets");
  addKeysList(keys, io);
  addKeysPlan(keys, io);
  addKeysRotate(keys, io);
  addKeysRevoke(keys, io);
  addKeysImport(keys, io);
  addKeysExport(keys, io, backup);
  addKeysRestore(keys, io, backup);
  const profile = program.command("profile").description("show and check profiles, which define kinds of tokens");
  addProfileList(profile, io);
  addProfileShow(profile, io);
  addProfileCheck(profile, io);
  addAuditTail(program.command("audit").description("read the audit events"), io);
  addConfigCheck(program.command("config").description("check the configuration"), io);
  return program;
}
