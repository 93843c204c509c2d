import type { Command } from "commander";
import { AuditServiceClient, RotateAuditKeyResponse } from "../../../gen/signet/v1/audit_service.ts";
import { call } from "../../client.ts";
import { moreHelp } from "../../input/more-help.ts";
import { type RpcOptions, rpcOptions } from "../../input/options.ts";
import type { Io } from "../../io.ts";
import { protoJsonText } from "../../output/proto-json.ts";
import { printable } from "../../output/safe-text.ts";

export function addAuditRotateKey(audit: Command, io: Io): void {
  const command = audit
    .command("rotate-key")
    .description("close the audit log of the replica that answers, and begin a new one with a new key");
  rpcOptions(command, io)
    .addHelpText(
      "after",
      moreHelp({
        examples: ["signet audit rotate-key --address unix:/run/signet/signet.sock"],
        notes: [
          "The last event of the old log names the new key, under the old log's last checkpoint. Auditors get the new key " +
            "by signet audit keys.",
        ],
      }),
    )
    .action((options: RpcOptions) => rotateKey(options, io));
}

async function rotateKey(options: RpcOptions, io: Io): Promise<void> {
  const answer = await call<AuditServiceClient, RotateAuditKeyResponse>(
    io,
    AuditServiceClient,
    options,
    (client, ...rest) => client.rotateAuditKey({}, ...rest),
  );
  if (options.json) {
    io.stdout.write(protoJsonText(RotateAuditKeyResponse, answer));
    return;
  }
  io.stderr.write(`closed the log of ${printable(answer.closed?.writer ?? "")}\n`);
  io.stdout.write(`${printable(answer.begun?.verifierKey ?? "")}\n`);
}
