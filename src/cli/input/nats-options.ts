import type { Command } from "commander";
import { checkNats, natsAccess, type RawNats } from "../../config/nats.ts";
import type { NatsAccess } from "../../nats/access.ts";
import { createFaults, formatFault, type Path } from "../../schema/fault.ts";
import { usageError } from "../failure.ts";
import type { Io } from "../io.ts";

export interface NatsOptions {
  readonly nats: string;
  readonly tlsCa?: string;
  readonly tlsCert?: string;
  readonly tlsKey?: string;
  readonly creds?: string;
  readonly nkey?: string;
  readonly userFile?: string;
  readonly passwordFile?: string;
  /** The variables whose values count, since the command line does not have their options. */
  readonly variables?: readonly string[];
}

const NATS_OPTIONS = [
  "nats",
  "tlsCa",
  "tlsCert",
  "tlsKey",
  "creds",
  "nkey",
  "userFile",
  "passwordFile",
] as const satisfies readonly Exclude<keyof NatsOptions, "variables">[];

/** Adds the options by which a command reaches NATS: the keys of the configuration, with their variables. */
export function natsOptions(command: Command, { env }: Io): Command {
  return command
    .hook("preAction", () => {
      const defaults = NATS_OPTIONS.filter((name) => command.getOptionValueSource(name) === "default");
      command.setOptionValue(
        "variables",
        defaults.map(variableOf).filter((variable) => env[variable] !== undefined),
      );
    })
    .option(
      "--nats <url>",
      "the NATS server, or several with commas (SIGNET_NATS_URL)",
      env.SIGNET_NATS_URL ?? "nats://127.0.0.1:4222",
    )
    .option("--tls-ca <file>", "the CAs that prove the server (SIGNET_NATS_TLS_CA)", env.SIGNET_NATS_TLS_CA)
    .option("--tls-cert <file>", "the certificate of this client (SIGNET_NATS_TLS_CERT)", env.SIGNET_NATS_TLS_CERT)
    .option("--tls-key <file>", "its private key (SIGNET_NATS_TLS_KEY)", env.SIGNET_NATS_TLS_KEY)
    .option("--creds <file>", "a user's credentials (SIGNET_NATS_CREDS)", env.SIGNET_NATS_CREDS)
    .option("--nkey <file>", "the seed of a user's nkey (SIGNET_NATS_NKEY)", env.SIGNET_NATS_NKEY)
    .option("--user-file <file>", "a user's name (SIGNET_NATS_USER_FILE)", env.SIGNET_NATS_USER_FILE)
    .option("--password-file <file>", "its password (SIGNET_NATS_PASSWORD_FILE)", env.SIGNET_NATS_PASSWORD_FILE);
}

function variableOf(option: (typeof NATS_OPTIONS)[number]): string {
  const words = option === "nats" ? "url" : option.replace(/[A-Z]/g, (letter) => `_${letter}`);
  return `SIGNET_NATS_${words.toUpperCase()}`;
}

/** The options by which NATS is reached that stand on the command line itself. */
export function givenNatsOptions(command: Command): string[] {
  return NATS_OPTIONS.filter((name) => command.getOptionValueSource(name) === "cli").map(
    (name) => `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`,
  );
}

/** The library takes any scheme for `nats`. */
const OTHER_SCHEME = /^(?!(?:nats|tls):\/\/).*:\/\//;

/**
 * How the options reach NATS.
 *
 * @throws Failure with every option that does not fit the others
 */
export function natsAccessOf(options: NatsOptions): NatsAccess {
  const raw: RawNats = {
    url: options.nats,
    tls: { ca: options.tlsCa ?? "", cert: options.tlsCert ?? "", key: options.tlsKey ?? "" },
    creds: options.creds ?? "",
    nkey: options.nkey ?? "",
    user_file: options.userFile ?? "",
    password_file: options.passwordFile ?? "",
  };
  const faults = createFaults((path, message) => ({
    file: settingOf(path, options),
    path: "",
    message: withOptions(message, options),
  }));
  if (raw.url.split(",").some((server) => OTHER_SCHEME.test(server)))
    faults.add(["nats", "url"], "must be nats://host:port or tls://host:port, several of them with commas");
  checkNats(raw, faults);
  if (faults.found.length > 0) throw usageError(faults.found.map(formatFault).join("; "));
  return natsAccess(raw);
}

/** Not any word after `nats.`: servers have such names too. */
const KEY = /\bnats\.(url|tls\.(ca|cert|key)|creds|nkey|user_file|password_file)\b/g;

/** The message with what the user has set in place of the keys of the configuration. */
export function withOptions(message: string, options: NatsOptions): string {
  return message.replace(KEY, (key) => settingOf(key.split("."), options));
}

/** What sets a key of the configuration: `nats.tls.ca` is `--tls-ca`, or the variable that its value is from. */
function settingOf([, ...key]: Path, { variables = [] }: NatsOptions): string {
  const variable = `SIGNET_NATS_${key.join("_").toUpperCase()}`;
  if (variables.includes(variable)) return variable;
  return key[0] === "url" ? "--nats" : `--${key.join("-").replace("_", "-")}`;
}
