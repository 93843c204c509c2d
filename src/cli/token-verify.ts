import type { Command } from "commander";
import {
  rejectionReasonToJSON,
  TokenServiceClient,
  VerifyTokenRequest,
  VerifyTokenResponse,
} from "../gen/signet/v1/token.ts";
import { call } from "./client.ts";
import { painter } from "./colour.ts";
import { EXIT } from "./exit-codes.ts";
import { usage } from "./failure.ts";
import { readStdin } from "./input.ts";
import type { Exit, Io } from "./io.ts";
import { examples, type RpcOptions, rpcOptions } from "./options.ts";
import { printable, printableJson } from "./printable.ts";
import { profileName } from "./profile-name.ts";
import { protoJson, timestampText } from "./proto-json.ts";
import { relativeTime } from "./relative-time.ts";
import { table } from "./table.ts";

interface VerifyOptions extends RpcOptions {
  readonly audience?: string;
}

export function addTokenVerify(token: Command, io: Io, exit: Exit): void {
  const command = token
    .command("verify <profile> [token]")
    .description("check a token; without one, or with -, it is read from standard input and stays out of the history")
    .option("--audience <audience>", "the audience that you are known by");
  rpcOptions(command, io)
    .addHelpText(
      "after",
      `${examples(
        "signet token verify service --audience api://orders < token.txt",
        'printf %s "$TOKEN" | signet token verify service --audience api://orders --json',
      )}\nExit codes: 0 valid, 1 not valid, 2 wrong usage or no answer.\n`,
    )
    .action(async (profile: string, given: string | undefined, options: VerifyOptions) => {
      const answer = await verify(profile, given, options, io);
      if (options.json) io.stdout.write(`${JSON.stringify(protoJson(VerifyTokenResponse, answer), null, 2)}\n`);
      else show(answer, io);
      exit(answer.valid ? EXIT.ok : EXIT.negative);
    });
}

async function verify(profile: string, given: string | undefined, options: VerifyOptions, io: Io) {
  const name = profileName(profile);
  const value = await presented(given, io);
  const request = VerifyTokenRequest.fromPartial({
    credential: { $case: "token", value },
    profile: name,
    audience: options.audience ?? "",
  });
  return call<TokenServiceClient, VerifyTokenResponse>(TokenServiceClient, options, (client, ...rest) =>
    client.verifyToken(request, ...rest),
  );
}

/** Takes off the one line break that a shell adds, and nothing else: white space makes a token malformed. */
async function presented(given: string | undefined, io: Io): Promise<string> {
  if (given !== undefined && given !== "-") return given;
  const text = (await readStdin(io, "the token")).replace(/\r?\n$/, "");
  if (text === "") throw usage("there is no token on standard input");
  return text;
}

function show(answer: VerifyTokenResponse, io: Io): void {
  const paint = painter(io, io.stdout);
  io.stdout.write(answer.valid ? `${paint("green", "valid")}\n` : `${paint("red", "invalid")}: ${rejection(answer)}\n`);
  io.stdout.write(table(facts(answer, io.now()).filter(([, value]) => value !== "")));
  if (answer.claims !== undefined) io.stdout.write(`claims ${printableJson(answer.claims)}\n`);
}

function rejection({ rejection }: VerifyTokenResponse): string {
  if (rejection === undefined) return "the service gave no reason";
  const reason = rejectionReasonToJSON(rejection.reason).replace("REJECTION_REASON_", "");
  return `${reason}: ${printable(rejection.message)}`;
}

function facts(answer: VerifyTokenResponse, now: number): [string, string][] {
  const time = (date: Date | undefined) => (date ? `${timestampText(date)} (${relativeTime(date, now)})` : "");
  return [
    ["profile", printable(answer.profile)],
    ["subject", printable(answer.subject)],
    ["id", printable(answer.tokenId)],
    ["key", printable(answer.keyId)],
    ["issued", time(answer.issuedAt)],
    ["expires", time(answer.expiresAt)],
  ];
}
