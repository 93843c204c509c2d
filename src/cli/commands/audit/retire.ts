import type { Command } from "commander";
import { AuditServiceClient, RetireWriterResponse } from "../../../gen/signet/v1/audit_service.ts";
import { call } from "../../client.ts";
import { moreHelp } from "../../input/more-help.ts";
import { type RpcOptions, rpcOptions } from "../../input/options.ts";
import type { Io } from "../../io.ts";
import { protoJsonText } from "../../output/proto-json.ts";
import { printable } from "../../output/safe-text.ts";

interface RetireOptions extends RpcOptions {
  readonly reason: string;
}

export function addAuditRetire(audit: Command, io: Io): void {
  const command = audit
    .command("retire <writer>")
    .description("record that a writer is lost and writes no more, so that its silence is no alarm")
    .requiredOption("--reason <text>", "why, for the audit event");
  rpcOptions(command, io)
    .addHelpText(
      "after",
      moreHelp({
        examples: ["signet audit retire 5f0c6f4e-8a4b-4c1e-9a60-1f3f4d1c2b7a --reason disk-lost"],
        notes: [
          "For a replica that was taken away for good, and whose data folder is still there: signet audit close.",
        ],
      }),
    )
    .action((writer: string, options: RetireOptions) => retire(writer, options, io));
}

async function retire(writer: string, options: RetireOptions, io: Io): Promise<void> {
  const request = { writer, reason: options.reason };
  const answer = await call<AuditServiceClient, RetireWriterResponse>(
    io,
    AuditServiceClient,
    options,
    (client, ...rest) => client.retireWriter(request, ...rest),
  );
  if (options.json) io.stdout.write(protoJsonText(RetireWriterResponse, answer));
  else io.stdout.write(`${printable(answer.key?.verifierKey ?? "")}\n`);
}
