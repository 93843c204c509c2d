import type { Command } from "commander";
import { AuditServiceClient, HashSubjectResponse } from "../../../gen/signet/v1/audit_service.ts";
import { call } from "../../client.ts";
import { moreHelp } from "../../input/more-help.ts";
import { type RpcOptions, rpcOptions } from "../../input/options.ts";
import type { Io } from "../../io.ts";
import { protoJsonText } from "../../output/proto-json.ts";
import { printable } from "../../output/safe-text.ts";

export function addAuditHash(audit: Command, io: Io): void {
  const command = audit
    .command("hash <subject>")
    .description("print the hash under which events name a subject, and its hashes under earlier KEKs");
  rpcOptions(command, io)
    .addHelpText(
      "after",
      moreHelp({
        examples: ["signet audit hash alice", "signet audit hash alice | grep --fixed-strings --file=- audit.ndjson"],
        notes: ["What an event shows: docs/audit-events.md. A policy allows HashSubject to auditors alone."],
      }),
    )
    .action((subject: string, options: RpcOptions) => hash(subject, options, io));
}

async function hash(subject: string, options: RpcOptions, io: Io): Promise<void> {
  const answer = await call<AuditServiceClient, HashSubjectResponse>(
    io,
    AuditServiceClient,
    options,
    (client, ...rest) => client.hashSubject({ subject }, ...rest),
  );
  if (options.json) io.stdout.write(protoJsonText(HashSubjectResponse, answer));
  else for (const one of [answer.subjectHash, ...answer.earlierHashes]) io.stdout.write(`${printable(one)}\n`);
}
