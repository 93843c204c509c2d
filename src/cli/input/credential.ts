import type { Command } from "commander";
import { Carrier, type Pair, type VerifyTokenRequest } from "../../gen/signet/v1/token.ts";
import { usageError } from "../failure.ts";
import type { Io } from "../io.ts";
import { collect } from "./options.ts";
import { readStdin } from "./read-value.ts";

/** The parts of a client's request, as the options give them. */
export interface CarrierOptions {
  readonly header?: readonly string[];
  readonly query?: readonly string[];
  readonly cookie?: readonly string[];
  readonly body?: readonly string[];
  readonly frame?: string;
}

export function carrierOptions(command: Command): Command {
  return command
    .option("--header <Name: value>", "instead of a token, a header that the client sent; may be repeated", collect)
    .option("--query <name=value>", "a query parameter that the client sent; may be repeated", collect)
    .option("--cookie <name=value>", "a cookie that the client sent; may be repeated", collect)
    .option("--body <name=value>", "a property of the body that the client sent; may be repeated", collect)
    .option("--frame <text>", "the first frame of the client's connection");
}

/** The credential to verify: the parts that the options give, else the token argument, else standard input. */
export async function credentialOf(
  given: string | undefined,
  options: CarrierOptions,
  io: Io,
): Promise<NonNullable<VerifyTokenRequest["credential"]>> {
  const carrier = carrierOf(options);
  if (carrier === undefined) return { $case: "token", value: await readToken(given, io) };
  if (given !== undefined)
    throw usageError("a token can't be combined with --header, --query, --cookie, --body or --frame");
  return { $case: "carrier", value: carrier };
}

/** No error text repeats a part, since one of them holds the token. */
function carrierOf({ header, query, cookie, body, frame }: CarrierOptions): Carrier | undefined {
  if ([header, query, cookie, body, frame].every((part) => part === undefined)) return undefined;
  return Carrier.fromPartial({
    headers: (header ?? []).map(headerPair),
    query: (query ?? []).map((text) => pair(text, "--query")),
    cookies: (cookie ?? []).map((text) => pair(text, "--cookie")),
    body: (body ?? []).map((text) => pair(text, "--body")),
    frame: Buffer.from(frame ?? ""),
  });
}

/** White space before the value is not part of the value (RFC 9110, 5.5). */
function headerPair(text: string): Pair {
  const at = text.indexOf(":");
  if (at < 1) throw usageError("--header must be 'Name: value'");
  return { name: text.slice(0, at), value: text.slice(at + 1).replace(/^[ \t]+/, "") };
}

function pair(text: string, option: string): Pair {
  const at = text.indexOf("=");
  if (at < 1) throw usageError(`${option} must be name=value`);
  return { name: text.slice(0, at), value: text.slice(at + 1) };
}

/** Removes only the one line break that a shell adds, since any other white space makes a token malformed. */
async function readToken(given: string | undefined, io: Io): Promise<string> {
  if (given !== undefined && given !== "-") return given;
  const text = (await readStdin(io, "the token")).replace(/\r?\n$/, "");
  if (text === "") throw usageError("standard input holds no token");
  return text;
}
