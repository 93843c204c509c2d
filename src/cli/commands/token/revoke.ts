import type { Command } from "commander";
import { RevokeTokensRequest, RevokeTokensResponse, TokenServiceClient } from "../../../gen/signet/v1/token.ts";
import { call } from "../../client.ts";
import { profileName } from "../../input/arguments.ts";
import { moreHelp } from "../../input/more-help.ts";
import { type RpcOptions, rpcOptions, time } from "../../input/options.ts";
import type { Io } from "../../io.ts";
import { protoJsonText } from "../../output/proto-json.ts";
import { when } from "../../output/relative-time.ts";

interface RevokeOptions extends RpcOptions {
  readonly profile: string;
  readonly tenant?: string;
  readonly tokenId?: string[];
  readonly expiresAt?: Date;
  readonly subject?: string;
  readonly issuedBefore?: Date;
  readonly reason: string;
}

export function addTokenRevoke(token: Command, io: Io): void {
  const command = token
    .command("revoke")
    .description("revoke tokens by their ids, or all tokens of a subject; the tokens themselves are not needed")
    .requiredOption("--profile <profile>", "the profile that the tokens were issued under")
    .option("--tenant <tenant>", "the tenant whose keys signed, if the profile has tenants")
    .option("--token-id <id...>", "the ids, from issuing, verifying or the audit log; at most 100")
    .option("--expires-at <time>", "when the last of these tokens expires, if you know: an RFC 3339 time", time)
    .option("--subject <subject>", "all tokens of this subject")
    .option(
      "--issued-before <time>",
      "only tokens issued in or before this second: an RFC 3339 time (default: now)",
      time,
    )
    .requiredOption("--reason <text>", "the reason, for the audit log; no personal data");
  rpcOptions(command, io)
    .addHelpText(
      "after",
      moreHelp({
        examples: [
          'signet token revoke --profile service --token-id "$ID" --reason theft',
          "signet token revoke --profile service --subject alice --reason left",
        ],
      }),
    )
    .action((options: RevokeOptions) => revoke(options, io));
}

async function revoke(options: RevokeOptions, io: Io): Promise<void> {
  const { profile, tenant = "", tokenId = [], expiresAt, subject = "", issuedBefore, reason } = options;
  const what = { tenant, tokenIds: tokenId, expiresAt, subject, issuedBefore, reason };
  const request = RevokeTokensRequest.fromPartial({ profile: profileName(profile), ...what });
  const answer = await call<TokenServiceClient, RevokeTokensResponse>(
    io,
    TokenServiceClient,
    options,
    (client, ...rest) => client.revokeTokens(request, ...rest),
  );
  if (options.json) io.stdout.write(protoJsonText(RevokeTokensResponse, answer));
  else io.stdout.write(`revoked${untilText(answer, io)}\n`);
}

function untilText({ until }: RevokeTokensResponse, io: Io): string {
  return until === undefined ? "" : `; stored until ${when(until, io.now())}, when the last of them has expired`;
}
