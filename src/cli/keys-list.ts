import type { Command } from "commander";
import { type Key, KeyServiceClient, KeyState, keyStateToJSON, ListKeysResponse } from "../gen/signet/v1/keys.ts";
import { call } from "./client.ts";
import { type Colour, painter } from "./colour.ts";
import type { Io } from "./io.ts";
import { examples, type RpcOptions, rpcOptions } from "./options.ts";
import { printable } from "./printable.ts";
import { protoJson } from "./proto-json.ts";
import { relativeTime } from "./relative-time.ts";
import { table } from "./table.ts";

interface ListOptions extends RpcOptions {
  readonly keyset?: string;
}

const HEADING = ["KEYSET", "KID", "ALG", "STATE", "PUBLISH", "SIGN FROM", "SIGN UNTIL", "VERIFY UNTIL"];

export function addKeysList(keys: Command, io: Io): void {
  const command = keys
    .command("list")
    .description("list the keys with their states and times, the newest first (--json has the absolute times)")
    .option("--keyset <keyset>", "only the keys of this keyset");
  rpcOptions(command, io)
    .addHelpText("after", examples("signet keys list", "signet keys list --keyset service --json"))
    .action((options: ListOptions) => list(options, io));
}

async function list(options: ListOptions, io: Io): Promise<void> {
  const request = { keyset: options.keyset ?? "" };
  const answer = await call<KeyServiceClient, ListKeysResponse>(KeyServiceClient, options, (client, ...rest) =>
    client.listKeys(request, ...rest),
  );
  if (options.json) io.stdout.write(`${JSON.stringify(protoJson(ListKeysResponse, answer), null, 2)}\n`);
  else io.stdout.write(table([HEADING, ...answer.keys.map((key) => row(key, io))]));
}

function row(key: Key, io: Io): string[] {
  const time = (date: Date | undefined) => (date ? relativeTime(date, io.now()) : "-");
  const state = keyStateToJSON(key.state).replace("KEY_STATE_", "").toLowerCase();
  return [
    printable(key.keyset),
    printable(key.keyId),
    printable(key.algorithm),
    painter(io, io.stdout)(colourOf(key.state), state),
    time(key.publishAt),
    time(key.signFrom),
    time(key.signUntil),
    time(key.verifyUntil),
  ];
}

function colourOf(state: KeyState): Colour {
  if (state === KeyState.KEY_STATE_ACTIVE) return "green";
  return state === KeyState.KEY_STATE_PUBLISHED ? "yellow" : "dim";
}
