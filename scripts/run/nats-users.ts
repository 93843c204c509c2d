import { randomBytes } from "node:crypto";
import { copyFileSync, existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** The files with the name and the password of a user of NATS. */
interface UserFiles {
  readonly user: string;
  readonly password: string;
}

export interface NatsUsers {
  /** The configuration of the server. */
  readonly config: string;
  readonly signet: UserFiles;
  readonly auditor: UserFiles;
}

const NAMES = ["signet", "auditor", "archiver"] as const;

/**
 * Lays the accounts that ship and the passwords of their users into the folder of the server. The passwords are made
 * once, in files that only this user may read.
 */
export function provideUsers(folder: string): NatsUsers {
  keepEarlierStreams(join(folder, "jetstream"));
  const config = join(folder, "accounts.conf");
  copyFileSync("examples/nats/accounts.conf", config);
  makePasswords(folder);
  return { config, signet: filesOf(folder, "signet"), auditor: filesOf(folder, "auditor") };
}

function filesOf(folder: string, name: string): UserFiles {
  return { user: join(folder, `${name}.user`), password: join(folder, `${name}.password`) };
}

function makePasswords(folder: string): void {
  const passwords = NAMES.map((name) => {
    const files = filesOf(folder, name);
    // One by one: an earlier version had fewer users.
    if (!existsSync(files.password)) write(files.password, randomBytes(24).toString("base64url"));
    write(files.user, name);
    return `${name.toUpperCase()}_PASSWORD: "${readFileSync(files.password, "utf8")}"\n`;
  });
  write(join(folder, "passwords.conf"), passwords.join(""));
}

function write(path: string, content: string): void {
  writeFileSync(path, content, { mode: 0o600 });
}

/** Version 0.1.0 had no accounts: its streams are those of the account that NATS calls `$G`. */
function keepEarlierStreams(store: string): void {
  const [before, now] = [join(store, "$G"), join(store, "SIGNET")];
  if (existsSync(before) && !existsSync(now)) renameSync(before, now);
}
