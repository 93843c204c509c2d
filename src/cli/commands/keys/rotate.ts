import type { Command } from "commander";
import { KeyServiceClient, RotateKeysResponse } from "../../../gen/signet/v1/keys.ts";
import { call } from "../../client.ts";
import { moreHelp } from "../../input/more-help.ts";
import { type RpcOptions, rpcOptions, time } from "../../input/options.ts";
import type { Io } from "../../io.ts";
import { protoJsonText } from "../../output/proto-json.ts";
import { when } from "../../output/relative-time.ts";
import { printable } from "../../output/safe-text.ts";

interface RotateOptions extends RpcOptions {
  readonly at?: Date;
}

export function addKeysRotate(keys: Command, io: Io): void {
  const command = keys
    .command("rotate <keyset>")
    .description("let the next key sign earlier than scheduled, as soon as is safe; prints its key id")
    .option("--at <time>", "when it begins to sign: an RFC 3339 time (default: as soon as is safe)", time);
  rpcOptions(command, io)
    .addHelpText(
      "after",
      moreHelp({
        examples: ["signet keys rotate service", "signet keys rotate service --at 2026-11-22T03:00:00Z --json"],
      }),
    )
    .action((keyset: string, options: RotateOptions) => rotate(keyset, options, io));
}

async function rotate(keyset: string, options: RotateOptions, io: Io): Promise<void> {
  const request = { keyset, at: options.at };
  const answer = await call<KeyServiceClient, RotateKeysResponse>(io, KeyServiceClient, options, (client, ...rest) =>
    client.rotateKeys(request, ...rest),
  );
  if (options.json) io.stdout.write(protoJsonText(RotateKeysResponse, answer));
  else {
    io.stderr.write(`signs from ${when(answer.signFrom, io.now())}, epoch ${answer.epoch}\n`);
    io.stdout.write(`${printable(answer.keyId)}\n`);
  }
}
