import { type Command, InvalidArgumentError, Option } from "commander";
import { durationMs } from "../../schema/duration.ts";
import { PROOF_VARIABLES, type Target } from "../connection/target.ts";
import type { Io } from "../io.ts";
import { addressFrom } from "./arguments.ts";

export interface RpcOptions extends Target {
  readonly json?: boolean;
}

/** Adds the options of every command that calls the service. */
export function rpcOptions(command: Command, { env }: Io): Command {
  /** An empty variable counts as unset. */
  const proof = (flags: string, name: keyof typeof PROOF_VARIABLES, description: string) =>
    command.option(flags, `${description} (${PROOF_VARIABLES[name]})`, env[PROOF_VARIABLES[name]] || undefined);
  command.option(
    "--address <address>",
    "host:port or unix:/path (SIGNET_ADDRESS, else SIGNET_GRPC_ADDRESS); TLS unless on loopback",
    addressFrom(env),
  );
  proof("--ca <file>", "ca", "the CAs of the server's certificate, in PEM; means TLS on loopback, too");
  proof("--cert <file>", "cert", "your certificate with its chain, in PEM");
  proof("--key <file>", "key", "the private key of your certificate, in PEM");
  proof("--token-file <file>", "tokenFile", "the token that proves you, instead of a certificate");
  proof("--server-name <name>", "serverName", "the name in the server's certificate, if not the host");
  return command
    .addOption(
      new Option("--timeout <duration>", "how long to wait for the answer").argParser(timeout).default(5_000, "5s"),
    )
    .option("--json", "print the answer as proto-JSON");
}

/** Parses `30d`, `24h`, `5m`, `300s`, `500ms`, or `300` (seconds) to milliseconds. */
export function duration(text: string): number {
  const ms = durationMs(/^\d+$/.test(text) ? `${text}s` : text);
  if (ms === undefined)
    throw new InvalidArgumentError("Allowed: a duration such as 30d, 24h, 5m, 500ms or 300 (seconds).");
  return ms;
}

function timeout(text: string): number {
  const ms = duration(text);
  if (ms < 1 || ms > 3_600_000) throw new InvalidArgumentError("Allowed: 1ms to 1h.");
  return ms;
}

/** Collects the values of an option that may be repeated. */
export function collect(value: string, before: readonly string[] = []): string[] {
  return [...before, value];
}

/** Parses the name of a loss, as a refused start prints it. */
export function loss(text: string): string {
  if (!/^((state|spool):[\w-]{1,64}|events:\d+-\d+(,\d+-\d+)*)$/.test(text))
    throw new InvalidArgumentError("Allowed: state:ID, spool:ID or events:FIRST-LAST, as the refused start names it.");
  return text;
}

/** Parses a whole number from 0 to 999999999. */
export function count(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError("Allowed: a whole number from 0 to 999999999.");
  return Number(text);
}

/** Parses a whole number from 1 to 999999999. */
export function positiveCount(text: string): number {
  if (!/^[1-9]\d{0,8}$/.test(text)) throw new InvalidArgumentError("Allowed: a whole number from 1 to 999999999.");
  return Number(text);
}

/** Parses a number of bytes. */
export function wholeBytes(text: string): number {
  const bytes = Number(text);
  if (!/^\d{1,16}$/.test(text) || !Number.isSafeInteger(bytes))
    throw new InvalidArgumentError("Allowed: a whole number of bytes.");
  return bytes;
}

/** Parses a time in RFC 3339 format. */
export function time(text: string): Date {
  const date = timeOf(text);
  if (date === undefined) throw new InvalidArgumentError("Allowed: an RFC 3339 time such as 2026-11-22T12:00:00Z.");
  return date;
}

function timeOf(text: string): Date | undefined {
  const date = new Date(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/.test(text) ? text : Number.NaN);
  return Number.isNaN(date.getTime()) ? undefined : date;
}

/** Parses a time of the past: RFC 3339, or how long before `now` (Unix milliseconds), such as `15m`. */
export function since(text: string, now: number): Date {
  const ms = durationMs(/^\d+$/.test(text) ? `${text}s` : text);
  const date = ms === undefined ? timeOf(text) : new Date(now - ms);
  if (date === undefined || Number.isNaN(date.getTime()) || date.getTime() > now)
    throw new InvalidArgumentError(
      "Allowed: an RFC 3339 time that is not in the future, such as 2026-11-22T12:00:00Z, or a duration such as 15m.",
    );
  return date;
}

/** The path of a file. An empty one is a variable of a script that is not set. */
export function filePath(text: string): string {
  if (text === "") throw new InvalidArgumentError("Allowed: the path of a file; it is empty.");
  return text;
}

/** As {@link filePath}, of a folder. */
export function folderPath(text: string): string {
  if (text === "") throw new InvalidArgumentError("Allowed: the path of a folder; it is empty.");
  return text;
}
