import type { Command } from "commander";
import { ListProfilesResponse, ProfileServiceClient } from "../../../gen/signet/v1/profiles.ts";
import { call } from "../../client.ts";
import { moreHelp } from "../../input/more-help.ts";
import { type RpcOptions, rpcOptions } from "../../input/options.ts";
import type { Io } from "../../io.ts";
import { protoJsonText } from "../../output/proto-json.ts";
import { printable } from "../../output/safe-text.ts";
import { table } from "../../output/table.ts";

const HEADING = ["PROFILE", "ALG", "DIGEST", "DESCRIPTION"];

export function addProfileList(profile: Command, io: Io): void {
  const command = profile.command("list").description("list the profiles of the running service, by name");
  rpcOptions(command, io)
    .addHelpText(
      "after",
      moreHelp({
        examples: ["signet profile list", "signet profile list --json"],
      }),
    )
    .action((options: RpcOptions) => list(options, io));
}

async function list(options: RpcOptions, io: Io): Promise<void> {
  const answer = await call<ProfileServiceClient, ListProfilesResponse>(
    io,
    ProfileServiceClient,
    options,
    (client, ...rest) => client.listProfiles({}, ...rest),
  );
  if (options.json) io.stdout.write(protoJsonText(ListProfilesResponse, answer));
  else io.stdout.write(table([HEADING, ...answer.profiles.map(row)]));
}

/** Eight characters of a digest are enough to see that two replicas differ. */
function row({ name, algorithm, digest, description }: ListProfilesResponse["profiles"][number]): string[] {
  return [name, algorithm, digest.slice(0, 8), description].map(printable);
}
