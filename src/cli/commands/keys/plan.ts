import type { Command } from "commander";
import { KeyServiceClient, PlanRotationResponse } from "../../../gen/signet/v1/keys.ts";
import { call } from "../../client.ts";
import { moreHelp } from "../../input/more-help.ts";
import { type RpcOptions, rpcOptions } from "../../input/options.ts";
import type { Io } from "../../io.ts";
import { durationText, protoJsonText } from "../../output/proto-json.ts";
import { when } from "../../output/relative-time.ts";
import { printable } from "../../output/safe-text.ts";
import { table } from "../../output/table.ts";

export function addKeysPlan(keys: Command, io: Io): void {
  const command = keys
    .command("plan <keyset>")
    .description("show the next rotation of a keyset, the earliest safe time for it, and the rules behind its times");
  rpcOptions(command, io)
    .addHelpText(
      "after",
      moreHelp({
        examples: ["signet keys plan service", "signet keys plan service --json"],
      }),
    )
    .action((keyset: string, options: RpcOptions) => plan(keyset, options, io));
}

async function plan(keyset: string, options: RpcOptions, io: Io): Promise<void> {
  const answer = await call<KeyServiceClient, PlanRotationResponse>(io, KeyServiceClient, options, (client, ...rest) =>
    client.planRotation({ keyset }, ...rest),
  );
  if (options.json) io.stdout.write(protoJsonText(PlanRotationResponse, answer));
  else io.stdout.write(sheet(answer, io.now()));
}

function sheet(answer: PlanRotationResponse, now: number): string {
  const facts = table([
    ["signs", kid(answer.activeKeyId)],
    ["next", `${kid(answer.nextKeyId)} at ${when(answer.nextAt, now)}`],
    ["earliest", when(answer.earliestAt, now)],
    ["standby", `${kid(answer.standbyKeyId)}, known to every verifier from ${when(answer.standbyReadyAt, now)}`],
  ]);
  const length = (value: PlanRotationResponse["bounds"][number]["value"]) => (value ? durationText(value) : "-");
  const bounds = answer.bounds.map(({ name, value, bound, rule }) => [
    printable(name),
    length(value),
    length(bound),
    printable(rule),
  ]);
  return `${facts}\n${table([["RULE", "VALUE", "BOUND", "WHY"], ...bounds])}`;
}

function kid(text: string): string {
  return printable(text) || "none";
}
