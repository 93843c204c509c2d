import type { Command } from "commander";
import { KeyServiceClient, RevokeKeyRequest, RevokeKeyResponse } from "../../../gen/signet/v1/keys.ts";
import { call } from "../../client.ts";
import { keyId, profileName } from "../../input/arguments.ts";
import { moreHelp } from "../../input/more-help.ts";
import { type RpcOptions, rpcOptions } from "../../input/options.ts";
import type { Io } from "../../io.ts";
import { createPainter } from "../../output/colour.ts";
import { protoJsonText } from "../../output/proto-json.ts";
import { when } from "../../output/relative-time.ts";
import { printable } from "../../output/safe-text.ts";
import { table } from "../../output/table.ts";

interface RevokeOptions extends RpcOptions {
  readonly reason: string;
  readonly profile?: string;
  readonly tenant?: string;
}

export function addKeysRevoke(keys: Command, io: Io): void {
  const command = keys
    .command("revoke <kid>")
    .description(
      "revoke a key in an emergency: its tokens are rejected, and if it was signing, the standby key signs at once",
    )
    .requiredOption("--reason <text>", "the reason, for the audit log; no personal data")
    .option("--profile <profile>", "the profile of an imported secret")
    .option("--tenant <tenant>", "the tenant of an imported secret, if the profile has tenants");
  rpcOptions(command, io)
    .addHelpText(
      "after",
      moreHelp({
        examples: [
          "signet keys revoke Q2m1hbaW6h0bUFPy --reason INC-2041",
          "signet keys revoke k2 --profile hivekit --tenant acme --reason INC-2041",
        ],
        notes: [
          "Put a kid that begins with - last, after --.",
          "Revoking does not help if the process or the key-encryption key is compromised: " +
            "docs/operations.md#revoking-a-compromised-key.",
        ],
      }),
    )
    .action((kid: string, options: RevokeOptions) => revoke(kid, options, io));
}

async function revoke(kid: string, options: RevokeOptions, io: Io): Promise<void> {
  const request = RevokeKeyRequest.fromPartial({
    keyId: keyId(kid),
    reason: options.reason,
    profile: options.profile === undefined ? "" : profileName(options.profile),
    tenant: options.tenant ?? "",
  });
  const answer = await call<KeyServiceClient, RevokeKeyResponse>(io, KeyServiceClient, options, (client, ...rest) =>
    client.revokeKey(request, ...rest),
  );
  if (options.json) io.stdout.write(protoJsonText(RevokeKeyResponse, answer));
  else show(answer, io);
}

function show(answer: RevokeKeyResponse, io: Io): void {
  const warn = (text: string) => createPainter(io, io.stdout)("yellow", text);
  const names = (replicas: readonly string[]) => replicas.map(printable).join(" ");
  const rows = [
    ["signs now", answer.signingKeyId === "" ? warn("none") : printable(answer.signingKeyId)],
    ["epoch", String(answer.epoch)],
    ["known everywhere", when(answer.knownEverywhereAt, io.now())],
    ["informed", names(answer.replicasInformed)],
    ["late", answer.replicasLate.length === 0 ? "" : warn(names(answer.replicasLate))],
  ];
  io.stdout.write(table(rows.filter(([, value]) => value !== "")));
}
