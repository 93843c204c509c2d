import type { Command } from "commander";
import { RevokeTokensRequest, RevokeTokensResponse, TokenServiceClient } from "../../../gen/signet/v1/token.ts";
import { call } from "../../client.ts";
import { profileName } from "../../input/arguments.ts";
import { examples, type RpcOptions, rpcOptions, time } from "../../input/options.ts";
import type { Io } from "../../io.ts";
import { protoJson, timestampText } from "../../output/proto-json.ts";
import { relativeTime } from "../../output/relative-time.ts";

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
    .description("take tokens back: by their ids, or all of a subject; it never needs the tokens themselves")
    .requiredOption("--profile <profile>", "the profile that they were issued under")
    .option("--tenant <tenant>", "whose keys signed, where the profile has tenants")
    .option("--token-id <id...>", "the ids that issuing, verifying and the audit log tell; at most 100")
    .option("--expires-at <time>", "when the last of these tokens expires, if you know: RFC 3339", time)
    .option("--subject <subject>", "all tokens of this subject")
    .option("--issued-before <time>", "only those issued in or before this second: RFC 3339 (default: now)", time)
    .requiredOption("--reason <text>", "why, for the audit log; nothing personal");
  rpcOptions(command, io)
    .addHelpText(
      "after",
      examples(
        'signet token revoke --profile service --token-id "$ID" --reason theft',
        "signet token revoke --profile service --subject alice --reason left",
      ),
    )
    .action((options: RevokeOptions) => revoke(options, io));
}

async function revoke(options: RevokeOptions, io: Io): Promise<void> {
  const { profile, tenant = "", tokenId = [], expiresAt, subject = "", issuedBefore, reason } = options;
  const what = { tenant, tokenIds: tokenId, expiresAt, subject, issuedBefore, reason };
  const request = RevokeTokensRequest.fromPartial({ profile: profileName(profile), ...what });
  const answer = await call<TokenServiceClient, RevokeTokensResponse>(TokenServiceClient, options, (client, ...rest) =>
    client.revokeTokens(request, ...rest),
  );
  if (options.json) io.stdout.write(`${JSON.stringify(protoJson(RevokeTokensResponse, answer), null, 2)}\n`);
  else io.stdout.write(`revoked${untilText(answer, io)}\n`);
}

function untilText({ until }: RevokeTokensResponse, io: Io): string {
  return until === undefined
    ? ""
    : `; kept until ${timestampText(until)} (${relativeTime(until, io.now())}), when none of them can be valid any more`;
}
