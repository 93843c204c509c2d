import type { Command } from "commander";
import { IssueTokenRequest, IssueTokenResponse, TokenServiceClient } from "../../../gen/signet/v1/token.ts";
import { call } from "../../client.ts";
import { profileName } from "../../input/arguments.ts";
import { requestClaims } from "../../input/claims.ts";
import { moreHelp } from "../../input/more-help.ts";
import { collect, duration, type RpcOptions, rpcOptions } from "../../input/options.ts";
import type { Io } from "../../io.ts";
import { durationMessage, protoJsonText } from "../../output/proto-json.ts";
import { when } from "../../output/relative-time.ts";
import { printable, printableJson } from "../../output/safe-text.ts";

interface IssueOptions extends RpcOptions {
  readonly tenant?: string;
  readonly subject?: string;
  readonly audience?: string[];
  readonly clientIp?: string;
  readonly ttl?: number;
  readonly claim?: string[];
  readonly claims?: string;
  readonly requestId?: string;
  readonly validateOnly?: boolean;
}

export function addTokenIssue(token: Command, io: Io): void {
  const command = token
    .command("issue <profile>")
    .description("issue a token and print it alone on standard output; everything else goes to standard error")
    .option("--tenant <tenant>", "the tenant whose keys sign, if the profile has tenants")
    .option("--subject <subject>", "the principal that the token identifies")
    .option("--audience <audience...>", "the intended recipients of the token")
    .option("--client-ip <address>", "the IP address of the client that the token is for")
    .option("--ttl <duration>", "the lifetime: 5m, 300s or 300 (default: that of the profile)", duration)
    .option("--claim <key=value>", "a request claim of the profile, as a string; may be repeated", collect)
    .option("--claims <json>", "the request claims of the profile: a JSON object, @file, or - for standard input")
    .option("--request-id <id>", "makes a retry within 2 minutes safe: the same id returns the same token")
    .option("--validate-only", "print the claims that would be signed, without signing");
  rpcOptions(command, io)
    .addHelpText(
      "after",
      moreHelp({
        examples: [
          "TOKEN=$(signet token issue service --subject alice --audience api://orders --ttl 5m)",
          "signet token issue service --subject alice --audience api://orders --claim plan=free --json",
        ],
      }),
    )
    .action((profile: string, options: IssueOptions) => issue(profile, options, io));
}

async function issue(profile: string, options: IssueOptions, io: Io): Promise<void> {
  const request = IssueTokenRequest.fromPartial({
    profile: profileName(profile),
    tenant: options.tenant ?? "",
    subject: options.subject ?? "",
    audience: options.audience ?? [],
    clientIp: options.clientIp ?? "",
    ttl: options.ttl === undefined ? undefined : durationMessage(options.ttl),
    claims: await requestClaims(options, io),
    requestId: options.requestId ?? "",
    validateOnly: options.validateOnly ?? false,
  });
  const answer = await call<TokenServiceClient, IssueTokenResponse>(
    io,
    TokenServiceClient,
    options,
    (client, ...rest) => client.issueToken(request, ...rest),
  );
  if (options.json) io.stdout.write(protoJsonText(IssueTokenResponse, answer));
  else show(answer, io);
}

function show({ token, tokenId, keyId, expiresAt, claims, warnings }: IssueTokenResponse, io: Io): void {
  const end = expiresAt ? `expires ${when(expiresAt, io.now())}` : "never expires";
  const what = token === "" ? "nothing was signed;" : `id ${printable(tokenId)},`;
  io.stderr.write(`${what} key ${printable(keyId)}, ${end}\n`);
  for (const { code, message } of warnings) io.stderr.write(`warning: ${printable(code)}: ${printable(message)}\n`);
  io.stdout.write(token === "" ? `${printableJson(claims)}\n` : `${token}\n`);
}
