import type { Command } from "commander";
import {
  type AuditKey,
  AuditKeyState,
  AuditServiceClient,
  ListAuditKeysResponse,
} from "../../../gen/signet/v1/audit_service.ts";
import { call } from "../../client.ts";
import { moreHelp } from "../../input/more-help.ts";
import { type RpcOptions, rpcOptions } from "../../input/options.ts";
import type { Io } from "../../io.ts";
import { protoJsonText } from "../../output/proto-json.ts";
import { printable } from "../../output/safe-text.ts";

export function addAuditKeys(audit: Command, io: Io): void {
  const command = audit
    .command("keys")
    .description("print the public keys of all audit logs as a policy file (C2SP tlog-policy), for auditors");
  rpcOptions(command, io)
    .addHelpText(
      "after",
      moreHelp({
        examples: ["signet audit keys > policy.txt", "signet audit keys --json"],
        notes: [
          "The keys prove a log to those who know that they are of this installation: give the file to auditors " +
            "yourself, and let them keep it apart from NATS. A policy allows ListAuditKeys to auditors.",
        ],
      }),
    )
    .action((options: RpcOptions) => keys(options, io));
}

async function keys(options: RpcOptions, io: Io): Promise<void> {
  const answer = await call<AuditServiceClient, ListAuditKeysResponse>(
    io,
    AuditServiceClient,
    options,
    (client, ...rest) => client.listAuditKeys({}, ...rest),
  );
  io.stdout.write(options.json ? protoJsonText(ListAuditKeysResponse, answer) : policyOf(answer.keys));
}

/** A policy for the logs, without witnesses: a checkpoint needs the signature of its log alone. */
function policyOf(keys: readonly AuditKey[]): string {
  const lines = keys.flatMap((key) => [`# ${describe(key)}`, `log ${printable(key.verifierKey)}`]);
  return `${[...lines, "quorum none"].join("\n")}\n`;
}

function describe({ writer, state, registeredAt, endedAt }: AuditKey): string {
  const since = registeredAt === undefined ? "" : `, registered ${registeredAt.toISOString()}`;
  const ended = endedAt === undefined ? "" : `, ended ${endedAt.toISOString()}`;
  return `${printable(writer)}: ${stateName(state)}${since}${ended}`;
}

function stateName(state: AuditKeyState): string {
  if (state === AuditKeyState.AUDIT_KEY_STATE_ACTIVE) return "active";
  if (state === AuditKeyState.AUDIT_KEY_STATE_CLOSED) return "closed";
  return state === AuditKeyState.AUDIT_KEY_STATE_RETIRED ? "retired" : "unknown";
}
