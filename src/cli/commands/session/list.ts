import type { Command } from "commander";
import {
  type ListedSession,
  ListSessionsRequest,
  ListSessionsResponse,
  SessionServiceClient,
} from "../../../gen/signet/v1/session.ts";
import { request } from "../../client.ts";
import { profileName } from "../../input/arguments.ts";
import { moreHelp } from "../../input/more-help.ts";
import { positiveCount, type RpcOptions, rpcOptions } from "../../input/options.ts";
import type { Io } from "../../io.ts";
import { type Progress, withProgress } from "../../output/progress.ts";
import { protoJsonText } from "../../output/proto-json.ts";
import { relativeTime } from "../../output/relative-time.ts";
import { printable } from "../../output/safe-text.ts";
import { table } from "../../output/table.ts";

interface ListOptions extends RpcOptions {
  readonly profile?: string;
  readonly tenant?: string;
  readonly gateway?: string;
  readonly tokenId?: string;
  readonly limit: number;
  readonly pageToken?: string;
}

/** Sessions in one answer of the service, at most. */
const LARGEST_PAGE = 1_000;
const HEADING = ["PROFILE", "TENANT", "CALLER", "GATEWAY", "KID", "OPENED", "DEADLINE", "SESSION"];

export function addSessionList(session: Command, io: Io): void {
  const command = session
    .command("list")
    .description("list the connections that gateways hold open under tokens")
    .option("--profile <profile>", "only sessions of this profile")
    .option("--tenant <tenant>", "only sessions of this tenant")
    .option("--gateway <id>", "only sessions of the gateway with this name for itself")
    .option("--token-id <id>", "only sessions under this token; needs --profile")
    .option("--limit <count>", "how many at most", positiveCount, 100)
    .option("--page-token <token>", "go on after an earlier answer, by its nextPageToken");
  rpcOptions(command, io)
    .addHelpText(
      "after",
      moreHelp({
        examples: ["signet session list", 'signet session list --profile euler-stream --token-id "$ID" --json'],
        notes: ["What a session is: docs/sessions.md. --page-token goes with the filters of the earlier answer."],
      }),
    )
    .action((options: ListOptions) => list(options, io));
}

async function list(options: ListOptions, io: Io): Promise<void> {
  const answer = await withProgress(io, options, "reading sessions", (say) => readPages(options, say));
  if (options.json) {
    io.stdout.write(protoJsonText(ListSessionsResponse, answer));
    return;
  }
  io.stdout.write(table([HEADING, ...answer.sessions.map((session) => row(session, io))]));
  if (answer.nextPageToken !== "")
    io.stderr.write(`there are more: see --limit, or --page-token ${printable(answer.nextPageToken)}\n`);
}

async function readPages(options: ListOptions, say: Progress["say"]): Promise<ListSessionsResponse> {
  const { profile, tenant = "", gateway: gatewayId = "", tokenId = "", limit } = options;
  const asked = { profile: profile === undefined ? "" : profileName(profile), tenant, gatewayId, tokenId };
  const sessions: ListedSession[] = [];
  let pageToken = options.pageToken ?? "";
  do {
    const pageSize = Math.min(limit - sessions.length, LARGEST_PAGE);
    const wanted = ListSessionsRequest.fromPartial({ ...asked, pageSize, pageToken });
    const page = await request<SessionServiceClient, ListSessionsResponse>(
      SessionServiceClient,
      options,
      (client, ...rest) => client.listSessions(wanted, ...rest),
    );
    sessions.push(...page.sessions);
    say(`reading sessions: ${sessions.length} so far`);
    pageToken = page.nextPageToken;
  } while (pageToken !== "" && sessions.length < limit);
  return { sessions, nextPageToken: pageToken };
}

function row({ openedAt, deadline, ...session }: ListedSession, io: Io): string[] {
  const { profile, tenant, caller, gatewayId, keyId, sessionId } = session;
  const show = (time: Date | undefined) => (time === undefined ? "-" : relativeTime(time, io.now()));
  return [
    ...[profile, tenant, caller, gatewayId, keyId].map((text) => printable(text) || "-"),
    ...[show(openedAt), show(deadline), printable(sessionId)],
  ];
}
