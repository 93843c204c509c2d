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

const NATURE = ["KID", "ALG", "STATE"];
const KEYSET_HEADING = ["KEYSET", ...NATURE, "PUBLISH", "SIGN FROM", "SIGN UNTIL", "VERIFY UNTIL"];
const SECRET_HEADING = [
  "PROFILE",
  "TENANT",
  ...NATURE,
  "SIGN FROM",
  "SIGN UNTIL",
  "VERIFY UNTIL",
  "BYTES",
  "FINGERPRINT",
];

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
  else io.stdout.write(tables(answer.keys, io));
}

/** One table for the keysets, and where there are imported secrets, one for them. */
function tables(keys: readonly Key[], io: Io): string {
  const rotating = keys.filter(({ profile }) => profile === "");
  const imported = keys.filter(({ profile }) => profile !== "");
  const first = table([KEYSET_HEADING, ...rotating.map((key) => rotatingRow(key, io))]);
  if (imported.length === 0) return first;
  const second = table([SECRET_HEADING, ...imported.map((key) => secretRow(key, io))]);
  return rotating.length === 0 ? second : `${first}\n${second}`;
}

function rotatingRow(key: Key, io: Io): string[] {
  const { publish, signFrom, signUntil, verifyUntil } = times(key, io);
  return [printable(key.keyset), ...nature(key, io), publish, signFrom, signUntil, verifyUntil];
}

function secretRow(key: Key, io: Io): string[] {
  const { signFrom, signUntil, verifyUntil } = times(key, io);
  const owner = [printable(key.profile), printable(key.tenant) || "-"];
  const look = [String(key.byteLength), printable(key.fingerprint)];
  return [...owner, ...nature(key, io), signFrom, signUntil, verifyUntil, ...look];
}

function nature(key: Key, io: Io): string[] {
  const state = keyStateToJSON(key.state).replace("KEY_STATE_", "").toLowerCase();
  return [printable(key.keyId), printable(key.algorithm), painter(io, io.stdout)(colourOf(key.state), state)];
}

function times({ publishAt, signFrom, signUntil, verifyUntil }: Key, io: Io) {
  const show = (date: Date | undefined) => (date ? relativeTime(date, io.now()) : "-");
  return {
    publish: show(publishAt),
    signFrom: show(signFrom),
    signUntil: show(signUntil),
    verifyUntil: show(verifyUntil),
  };
}

function colourOf(state: KeyState): Colour {
  if (state === KeyState.KEY_STATE_ACTIVE) return "green";
  return state === KeyState.KEY_STATE_PUBLISHED ? "yellow" : "dim";
}
