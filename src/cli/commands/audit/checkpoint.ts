import type { Command } from "commander";
import { AuditServiceClient, CheckpointResponse } from "../../../gen/signet/v1/audit_service.ts";
import { call } from "../../client.ts";
import { moreHelp } from "../../input/more-help.ts";
import { type RpcOptions, rpcOptions } from "../../input/options.ts";
import type { Io } from "../../io.ts";
import { protoJsonText } from "../../output/proto-json.ts";
import { printable } from "../../output/safe-text.ts";

export function addAuditCheckpoint(audit: Command, io: Io): void {
  const command = audit
    .command("checkpoint")
    .description("make and publish a checkpoint of the audit log of the replica that answers, and print it");
  rpcOptions(command, io)
    .addHelpText(
      "after",
      moreHelp({
        examples: ["signet audit checkpoint > checkpoint.txt"],
        notes: ["Each replica makes one a minute while it has new events, and one when it stops."],
      }),
    )
    .action((options: RpcOptions) => checkpoint(options, io));
}

async function checkpoint(options: RpcOptions, io: Io): Promise<void> {
  const answer = await call<AuditServiceClient, CheckpointResponse>(
    io,
    AuditServiceClient,
    options,
    (client, ...rest) => client.checkpoint({}, ...rest),
  );
  if (options.json) {
    io.stdout.write(protoJsonText(CheckpointResponse, answer));
    return;
  }
  if (!answer.published) io.stderr.write("not published yet: NATS has not acknowledged it\n");
  io.stdout.write(`${answer.note.split("\n").map(printable).join("\n")}`);
}
