import type { Command } from "commander";
import { TokenServiceClient, VerifyTokenRequest, VerifyTokenResponse } from "../../../gen/signet/v1/token.ts";
import { call } from "../../client.ts";
import { EXIT } from "../../failure.ts";
import { profileName } from "../../input/arguments.ts";
import { jsonObject } from "../../input/claims.ts";
import { type CarrierOptions, carrierOptions, credentialOf } from "../../input/credential.ts";
import { moreHelp } from "../../input/more-help.ts";
import { type RpcOptions, rpcOptions, time } from "../../input/options.ts";
import { readValue } from "../../input/read-value.ts";
import type { Exit, Io } from "../../io.ts";
import { protoJsonText } from "../../output/proto-json.ts";
import { showVerdict } from "../../output/verdict.ts";

interface VerifyOptions extends RpcOptions, CarrierOptions {
  readonly tenant?: string;
  readonly audience?: string;
  readonly context?: string;
  readonly at?: Date;
  readonly consume?: boolean;
  readonly requestId?: string;
}

export function addTokenVerify(token: Command, io: Io, exit: Exit): void {
  const command = token
    .command("verify <profile> [token]")
    .description(
      "verify a token; without one, or with -, it is read from standard input and stays out of the shell's history",
    )
    .option("--tenant <tenant>", "the tenant that you serve, if the profile has tenants")
    .option("--audience <audience>", "your own audience value")
    .option("--context <json>", "what the client wants to do: a JSON object, @file, or - for standard input")
    .option("--at <time>", "verify as of this RFC 3339 time, with the keys of today", time)
    .option("--consume", "use the token up: no other verification that consumes finds it valid")
    .option("--request-id <id>", "makes repeating a verification that consumes safe for two minutes");
  rpcOptions(carrierOptions(command), io)
    .addHelpText(
      "after",
      moreHelp({
        examples: [
          "signet token verify service --audience api://orders < token.txt",
          'printf %s "$TOKEN" | signet token verify service --audience api://orders --json',
          'signet token verify my-gate --tenant t-1 --query "token=$TOKEN"',
          "signet token verify service --audience api://orders --consume --request-id r-1 < token.txt",
        ],
        notes: ["With --at, the answer has the warning JUDGED_AT. Using tokens up: docs/one-time.md."],
        exitCodes: {
          0: "valid",
          1: "not valid",
          2: "wrong usage, refused, or no answer",
        },
      }),
    )
    .action(async (profile: string, given: string | undefined, options: VerifyOptions) => {
      const answer = await verify(profile, given, options, io);
      if (options.json) io.stdout.write(protoJsonText(VerifyTokenResponse, answer));
      else showVerdict(answer, io);
      exit(answer.valid ? EXIT.ok : EXIT.negative);
    });
}

async function verify(profile: string, given: string | undefined, options: VerifyOptions, io: Io) {
  const { tenant = "", audience = "", context, at, consume = false, requestId = "" } = options;
  const request = VerifyTokenRequest.fromPartial({
    profile: profileName(profile),
    credential: await credentialOf(given, options, io),
    tenant,
    audience,
    context: context === undefined ? undefined : jsonObject(await readValue(context, io, "the context"), "--context"),
    at,
    consume,
    requestId,
  });
  return call<TokenServiceClient, VerifyTokenResponse>(io, TokenServiceClient, options, (client, ...rest) =>
    client.verifyToken(request, ...rest),
  );
}
