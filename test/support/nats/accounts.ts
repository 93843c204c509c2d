import { randomBytes } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { ExecutionContext } from "ava";
import { tempFolder } from "../files/temp.ts";
import { type NatsServer, startNats } from "./nats-server.ts";
import { secretFile } from "./secure-nats.ts";

const ACCOUNTS = join(import.meta.dirname, "../../../examples/nats/accounts.conf");

/** The files of a user of the accounts. */
interface UserFiles {
  readonly user: string;
  readonly password: string;
}

/** A nats-server with the accounts that ship. */
export interface AccountsNats extends NatsServer {
  readonly signet: UserFiles;
  readonly auditor: UserFiles;
  readonly archiver: UserFiles;
  /** The password of the user `admin`, who may do everything in the account. */
  readonly admin: string;
}

/**
 * Starts a nats-server with `examples/nats/accounts.conf` for this test. `more` are users that an operator adds to it,
 * and the lines that `passwords.conf` has for them.
 */
export async function startAccountsNats(
  t: ExecutionContext,
  more: { readonly users: string; readonly passwords: string } = { users: "", passwords: "" },
): Promise<AccountsNats> {
  const folder = await tempFolder(t);
  const file = join(folder, "accounts.conf");
  const admin = randomBytes(24).toString("base64url");
  const own = `users: [\n      { user: admin, password: "${admin}" }\n${more.users}`;
  // A busy machine may take longer than the two seconds in which a client must prove itself by default.
  const patient = "authorization { timeout: 60 }\n";
  await writeFile(file, patient + (await readFile(ACCOUNTS, "utf8")).replace("users: [", own));
  // Long enough for the search for leaks.
  const [one, two, three] = ["", "", ""].map(() => randomBytes(24).toString("base64url")) as [string, string, string];
  const passwords = `SIGNET_PASSWORD: "${one}"\nAUDITOR_PASSWORD: "${two}"\nARCHIVER_PASSWORD: "${three}"\n`;
  await secretFile(folder, "passwords.conf", passwords + more.passwords);
  const filesOf = async (user: string, password: string) => ({
    user: await secretFile(folder, `${user}.user`, user),
    password: await secretFile(folder, `${user}.password`, password),
  });
  const server = await startNats(t, { flags: ["-c", file] });
  return {
    ...server,
    admin,
    signet: await filesOf("signet", one),
    auditor: await filesOf("auditor", two),
    archiver: await filesOf("archiver", three),
  };
}

/** The environment by which a service uses the files of a user. */
export function envOf({ url }: NatsServer, { user, password }: UserFiles): Record<string, string> {
  return { SIGNET_NATS_URL: url, SIGNET_NATS_USER_FILE: user, SIGNET_NATS_PASSWORD_FILE: password };
}
