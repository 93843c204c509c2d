import type { Command } from "commander";
import { IssueTokenRequest, IssueTokenResponse, TokenServiceClient } from "../../../gen/signet/v1/token.ts";
import { call } from "../../client.ts";
import { profileName } from "../../input/arguments.ts";
import { requestClaims } from "../../input/claims.ts";
import { collect, duration, examples, type RpcOptions, rpcOptions } from "../../input/options.ts";
import type { Io } from "../../io.ts";
import { durationMessage, protoJson, timestampText } from "../../output/proto-json.ts";
import { relativeTime } from "../../output/relative-time.ts";
import { printable } from "../../output/safe-text.ts";

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
    .description("issue a token; it stands alone on standard output, all else goes to standard error")
    .option("--tenant <tenant>", "whose keys sign, where the profile has tenants")
    .option("--subject <subject>", "the principal that the token speaks for")
    .option("--audience <audience...>", "who the token is for; several are allowed")
    .option("--client-ip <address>", "the address of the client that the token is for")
    .option("--ttl <duration>", "lifetime: 5m, 300s or 300 (default: the profile's)", duration)
    .option("--claim <key=value>", "a claim of the profile's request, as a string; may be repeated", collect)
    .option("--claims <json>", "the claims of the profile's request: a JSON object, @file, or - for standard input")
    .option("--request-id <id>", "makes a retry within 2 minutes safe: the same id gets the same token")
    .option("--validate-only", "print the claims that would be signed; sign nothing");
  rpcOptions(command, io)
    .addHelpText(
      "after",
      examples(
        "TOKEN=$(signet token issue service --subject alice --audience api://orders --ttl 5m)",
        "signet token issue service --subject alice --audience api://orders --claim plan=free --json",
      ),
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
  const answer = await call<TokenServiceClient, IssueTokenResponse>(TokenServiceClient, options, (client, ...rest) =>
    client.issueToken(request, ...rest),
  );
  if (options.json) io.stdout.write(`${JSON.stringify(protoJson(IssueTokenResponse, answer), null, 2)}\n`);
  else show(answer, io);
}

function show({ token, tokenId, keyId, expiresAt, claims, warnings }: IssueTokenResponse, io: Io): void {
  const end = expiresAt
    ? `expires ${timestampText(expiresAt)} (${relativeTime(expiresAt, io.now())})`
    : "never expires";
  const what = token === "" ? "nothing is signed;" : `id ${printable(tokenId)},`;
  io.stderr.write(`${what} key ${printable(keyId)}, ${end}\n`);
  for (const { code, message } of warnings) io.stderr.write(`warning: ${printable(code)}: ${printable(message)}\n`);
  io.stdout.write(token === "" ? `${JSON.stringify(claims, null, 2)}\n` : `${token}\n`);
}
