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
 * Runs one command line, `argv` as in `process.argv`, and resolves with its exit code. It never rejects and never exits
 * the process; the caller MUST exit with the code though something still goes on: what `serve` was stopping when a second
 * signal came, or a connection that gRPC was making when the time was over.
 */
export async function run(argv: readonly string[], io: Io, startApp: StartApp, backup: KeyBackup): Promise<number> {
  let code: number = EXIT.ok;
  const program = buildProgram(io, startApp, backup, (ended) => {
    code = ended;
  });
  // Without a listener a reader that goes away (`signet keys list | head -1`) would end the process with a stack trace.
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

/** The commands, none of them run yet. */
export function buildProgram(io: Io, startApp: StartApp, backup: KeyBackup, exit: Exit): Command {
  const program = new Command("signet")
    .description("mint and check scoped JSON Web Tokens")
    .version(packageJson.version)
    .exitOverride()
    .configureOutput({
      writeOut: (text) => io.stdout.write(text),
      writeErr: (text) => io.stderr.write(text),
      // Usage errors are written by report(), which takes values out of them.
      outputError: () => {},
    })
    .addHelpText("after", "\nExit codes: 0 done, 1 not valid, 2 wrong usage or no answer (serve: see serve --help).");
  addServe(program, io, exit, startApp);
  const token = program.command("token").description("issue, verify and revoke tokens");
  addTokenIssue(token, io);
  addTokenVerify(token, io, exit);
  addTokenRevoke(token, io);
  const keys = program
    .command("keys")
    .description("show, rotate, revoke and back up the keys that sign and verify, and import secrets");
  addKeysList(keys, io);
  addKeysPlan(keys, io);
  addKeysRotate(keys, io);
  addKeysRevoke(keys, io);
  addKeysImport(keys, io);
  addKeysExport(keys, io, backup);
  addKeysRestore(keys, io, backup);
  const profile = program.command("profile").description("show and check profiles, the kinds of token");
  addProfileList(profile, io);
  addProfileShow(profile, io);
  addProfileCheck(profile, io);
  addAuditTail(program.command("audit").description("read the audit events"), io);
  addConfigCheck(program.command("config").description("check the configuration"), io);
  return program;
}
