import type { Command } from "commander";
import { GetProfileResponse, ProfileServiceClient } from "../../../gen/signet/v1/profiles.ts";
import { call } from "../../client.ts";
import { Failure } from "../../failure.ts";
import { profileName } from "../../input/arguments.ts";
import { moreHelp } from "../../input/more-help.ts";
import { type RpcOptions, rpcOptions } from "../../input/options.ts";
import type { Io } from "../../io.ts";
import { profileSheet } from "../../output/profile-sheet.ts";
import { protoJsonText } from "../../output/proto-json.ts";

export function addProfileShow(profile: Command, io: Io): void {
  const command = profile
    .command("show <profile>")
    .description("show what a profile of the running service accepts, requires and enforces");
  rpcOptions(command, io)
    .addHelpText(
      "after",
      moreHelp({
        examples: ["signet profile show service", "signet profile show service --json"],
      }),
    )
    .action((name: string, options: RpcOptions) => show(name, options, io));
}

async function show(name: string, options: RpcOptions, io: Io): Promise<void> {
  const request = { profile: profileName(name) };
  const answer = await call<ProfileServiceClient, GetProfileResponse>(
    io,
    ProfileServiceClient,
    options,
    (client, ...rest) => client.getProfile(request, ...rest),
  );
  if (options.json) io.stdout.write(protoJsonText(GetProfileResponse, answer));
  else if (answer.profile !== undefined) io.stdout.write(profileSheet(answer.profile));
  else throw new Failure({ code: "INTERNAL", message: "the answer contains no profile" });
}
