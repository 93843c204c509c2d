import type { Command } from "commander";
import { Carrier, type Pair, type VerifyTokenRequest } from "../../gen/signet/v1/token.ts";
import { usage } from "../failure.ts";
import type { Io } from "../io.ts";
import { collect } from "./options.ts";
import { readStdin } from "./read-value.ts";

/** What a client sent, part by part. */
export interface CarrierOptions {
  readonly header?: readonly string[];
  readonly query?: readonly string[];
  readonly cookie?: readonly string[];
  readonly body?: readonly string[];
  readonly frame?: string;
}

export function carrierOptions(command: Command): Command {
  return command
    .option(
      "--header <Name: value>",
      "a header that the client sent, in the place of a token; may be repeated",
      collect,
    )
    .option("--query <name=value>", "a query parameter of the client; may be repeated", collect)
    .option("--cookie <name=value>", "a cookie of the client; may be repeated", collect)
    .option("--body <name=value>", "a property of the client's body; may be repeated", collect)
    .option("--frame <text>", "the first frame of the client's connection");
}

/** What a client presented: the parts that the options give, else a token, from standard input without an argument. */
export async function credentialOf(
  given: string | undefined,
  options: CarrierOptions,
  io: Io,
): Promise<NonNullable<VerifyTokenRequest["credential"]>> {
  const carrier = carrierOf(options);
  if (carrier === undefined) return { $case: "token", value: await presented(given, io) };
  if (given !== undefined) throw usage("a token and parts of what a client sent exclude each other");
  return { $case: "carrier", value: carrier };
}

/** No error text repeats a part: a token is in one of them. */
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

/** White space before the value is not part of it (RFC 9110, 5.5). */
function headerPair(text: string): Pair {
  const at = text.indexOf(":");
  if (at < 1) throw usage("--header must be 'Name: value'");
  return { name: text.slice(0, at), value: text.slice(at + 1).replace(/^[ \t]+/, "") };
}

function pair(text: string, option: string): Pair {
  const at = text.indexOf("=");
  if (at < 1) throw usage(`${option} must be name=value`);
  return { name: text.slice(0, at), value: text.slice(at + 1) };
}

/** Takes off the one line break that a shell adds, and nothing else: white space makes a token malformed. */
async function presented(given: string | undefined, io: Io): Promise<string> {
  if (given !== undefined && given !== "-") return given;
  const text = (await readStdin(io, "the token")).replace(/\r?\n$/, "");
  if (text === "") throw usage("there is no token on standard input");
  return text;
}
