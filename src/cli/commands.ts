import type { Command } from "commander";
import type { CloseWriter } from "./commands/audit/close.ts";
import type { KeyBackup } from "./commands/keys/export-restore.ts";
import type { CheckConnections } from "./commands/service/config-check.ts";
import type { StartApp } from "./commands/service/serve.ts";
import type { Exit, Io } from "./io.ts";

/** The work of the service that commands may start. Arguments, since it is above the command line. */
export interface Work {
  readonly startApp: StartApp;
  readonly backup: KeyBackup;
  readonly checkConnections: CheckConnections;
  readonly closeWriter: CloseWriter;
}

/** What commands are given. */
export interface CommandContext extends Work {
  readonly io: Io;
  readonly exit: Exit;
  /** Builds the program with all its commands. */
  readonly everyCommand: () => Promise<Command>;
}

/** Imports a command, and adds it to its group. */
type AddCommand = (group: Command, context: CommandContext) => Promise<void>;

interface Group {
  readonly description: string;
  readonly commands: Readonly<Record<string, AddCommand>>;
}

/**
 * Every command, in the order of the help. Each is imported when it is called or listed: gRPC and NATS take most of the
 * time that a command needs to start, and few commands need both.
 */
const COMMANDS: Readonly<Record<string, AddCommand | Group>> = {
  serve: async (program, { io, exit, startApp }) =>
    (await import("./commands/service/serve.ts")).addServe(program, io, exit, startApp),
  health: async (program, { io, exit }) => (await import("./commands/service/health.ts")).addHealth(program, io, exit),
  token: {
    description: "issue, verify, inspect and revoke tokens",
    commands: {
      issue: async (token, { io }) => (await import("./commands/token/issue.ts")).addTokenIssue(token, io),
      verify: async (token, { io, exit }) =>
        (await import("./commands/token/verify.ts")).addTokenVerify(token, io, exit),
      inspect: async (token, { io, exit }) =>
        (await import("./commands/token/inspect.ts")).addTokenInspect(token, io, exit),
      revoke: async (token, { io }) => (await import("./commands/token/revoke.ts")).addTokenRevoke(token, io),
    },
  },
  keys: {
    description: "list, rotate, revoke and back up keys, and import secrets",
    commands: {
      list: async (keys, { io }) => (await import("./commands/keys/list.ts")).addKeysList(keys, io),
      history: async (keys, { io }) => (await import("./commands/keys/history.ts")).addKeysHistory(keys, io),
      plan: async (keys, { io }) => (await import("./commands/keys/plan.ts")).addKeysPlan(keys, io),
      rotate: async (keys, { io }) => (await import("./commands/keys/rotate.ts")).addKeysRotate(keys, io),
      revoke: async (keys, { io }) => (await import("./commands/keys/revoke.ts")).addKeysRevoke(keys, io),
      import: async (keys, { io }) => (await import("./commands/keys/import.ts")).addKeysImport(keys, io),
      export: async (keys, { io, backup }) =>
        (await import("./commands/keys/export-restore.ts")).addKeysExport(keys, io, backup),
      restore: async (keys, { io, backup }) =>
        (await import("./commands/keys/export-restore.ts")).addKeysRestore(keys, io, backup),
    },
  },
  session: {
    description: "show the connections that gateways hold open",
    commands: {
      list: async (session, { io }) => (await import("./commands/session/list.ts")).addSessionList(session, io),
    },
  },
  profile: {
    description: "show and check profiles, which define kinds of tokens",
    commands: {
      list: async (profile, { io }) => (await import("./commands/profile/list.ts")).addProfileList(profile, io),
      show: async (profile, { io }) => (await import("./commands/profile/show.ts")).addProfileShow(profile, io),
      check: async (profile, { io }) => (await import("./commands/profile/check.ts")).addProfileCheck(profile, io),
    },
  },
  access: {
    description: "check the policy, which says who may do what",
    commands: {
      check: async (access, { io, exit }) =>
        (await import("./commands/access/check.ts")).addAccessCheck(access, io, exit),
      test: async (access, { io }) => (await import("./commands/access/test.ts")).addAccessTest(access, io),
    },
  },
  audit: {
    description: "read, export, verify and archive the audit events, hash a subject, and manage the keys of the logs",
    commands: {
      tail: async (audit, { io }) => (await import("./commands/audit/tail.ts")).addAuditTail(audit, io),
      export: async (audit, { io, exit }) =>
        (await import("./commands/audit/export.ts")).addAuditExport(audit, io, exit),
      verify: async (audit, { io, exit }) =>
        (await import("./commands/audit/verify.ts")).addAuditVerify(audit, io, exit),
      archive: async (audit, { io, exit }) =>
        (await import("./commands/audit/archive.ts")).addAuditArchive(audit, io, exit),
      receipt: async (audit, { io }) => (await import("./commands/audit/receipt.ts")).addAuditReceipt(audit, io),
      "check-receipt": async (audit, { io }) =>
        (await import("./commands/audit/check-receipt.ts")).addAuditCheckReceipt(audit, io),
      hash: async (audit, { io }) => (await import("./commands/audit/hash.ts")).addAuditHash(audit, io),
      keys: async (audit, { io }) => (await import("./commands/audit/keys.ts")).addAuditKeys(audit, io),
      checkpoint: async (audit, { io }) =>
        (await import("./commands/audit/checkpoint.ts")).addAuditCheckpoint(audit, io),
      "rotate-key": async (audit, { io }) =>
        (await import("./commands/audit/rotate-key.ts")).addAuditRotateKey(audit, io),
      close: async (audit, { io, closeWriter }) =>
        (await import("./commands/audit/close.ts")).addAuditClose(audit, io, closeWriter),
      retire: async (audit, { io }) => (await import("./commands/audit/retire.ts")).addAuditRetire(audit, io),
    },
  },
  dev: {
    description: "try the service out",
    commands: { certs: async (dev, { io }) => (await import("./commands/dev/certs.ts")).addDevCerts(dev, io) },
  },
  config: {
    description: "check the configuration",
    commands: {
      check: async (config, { io, checkConnections }) =>
        (await import("./commands/service/config-check.ts")).addConfigCheck(config, io, checkConnections),
    },
  },
  completion: async (program, { io, everyCommand }) =>
    (await import("./commands/completion.ts")).addCompletion(program, io, everyCommand),
};

/** Adds the command that the words name, or those of the group, or the commands and groups of the top. */
export async function addNamedCommands(
  program: Command,
  [name = "", inner = ""]: readonly string[],
  context: CommandContext,
): Promise<void> {
  const named = lookUp(COMMANDS, name);
  for (const [word, entry] of named === undefined ? Object.entries(COMMANDS) : [[name, named] as const]) {
    if (typeof entry === "function") await entry(program, context);
    else {
      const group = program.command(word).description(entry.description);
      if (named !== undefined) await addAll(group, lookUp(entry.commands, inner) ?? entry.commands, context);
    }
  }
}

/** Adds every command. */
export async function addEveryCommand(program: Command, context: CommandContext): Promise<void> {
  for (const name of Object.keys(COMMANDS)) await addNamedCommands(program, [name], context);
}

async function addAll(group: Command, commands: AddCommand | Group["commands"], context: CommandContext) {
  for (const add of typeof commands === "function" ? [commands] : Object.values(commands)) await add(group, context);
}

function lookUp<T>(table: Readonly<Record<string, T>>, name: string): T | undefined {
  return Object.hasOwn(table, name) ? table[name] : undefined;
}
