import type { Command } from "commander";
import { type Key, KeyServiceClient, KeyState, ListKeysResponse } from "../../../gen/signet/v1/keys.ts";
import { call } from "../../client.ts";
import { moreHelp } from "../../input/more-help.ts";
import { type RpcOptions, rpcOptions } from "../../input/options.ts";
import type { Io } from "../../io.ts";
import { type Colour, createPainter } from "../../output/colour.ts";
import { protoJsonText } from "../../output/proto-json.ts";
import { relativeTime } from "../../output/relative-time.ts";
import { ringTimeline, stateName } from "../../output/ring-timeline.ts";
import { printable } from "../../output/safe-text.ts";
import { table } from "../../output/table.ts";

interface ListOptions extends RpcOptions {
  readonly keyset?: string;
  readonly table?: boolean;
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
    .description("draw the keys of each keyset on a time axis, the newest first (--json has the absolute times)")
    .option("--keyset <keyset>", "only the keys of this keyset")
    .option("--table", "print a table of the times instead of the time axis");
  rpcOptions(command, io)
    .addHelpText(
      "after",
      moreHelp({
        examples: ["signet keys list", "signet keys list --table", "signet keys list --keyset service --json"],
      }),
    )
    .action((options: ListOptions) => list(options, io));
}

async function list(options: ListOptions, io: Io): Promise<void> {
  const request = { keyset: options.keyset ?? "" };
  const answer = await call<KeyServiceClient, ListKeysResponse>(io, KeyServiceClient, options, (client, ...rest) =>
    client.listKeys(request, ...rest),
  );
  if (options.json) io.stdout.write(protoJsonText(ListKeysResponse, answer));
  else io.stdout.write(listing(answer.keys, options.table === true, io));
}

/** The keysets as drawings or in one table. Imported secrets have no schedule and are always in a table. */
function listing(keys: readonly Key[], asTable: boolean, io: Io): string {
  const keysets = Map.groupBy(
    keys.filter(({ profile }) => profile === ""),
    ({ keyset }) => keyset,
  );
  const imported = keys.filter(({ profile }) => profile !== "");
  const rings = asTable
    ? [table([KEYSET_HEADING, ...[...keysets.values()].flat().map((key) => rotatingRow(key, io))])]
    : [...keysets.values()].map((ring) => ringTimeline(ring, io));
  const secrets = imported.length === 0 ? [] : [table([SECRET_HEADING, ...imported.map((key) => secretRow(key, io))])];
  return [...(keysets.size === 0 && secrets.length > 0 ? [] : rings), ...secrets].join("\n");
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
  const state = createPainter(io, io.stdout)(colourOf(key.state), stateName(key));
  return [printable(key.keyId), printable(key.algorithm), state];
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
  if (state === KeyState.KEY_STATE_REVOKED) return "red";
  return state === KeyState.KEY_STATE_PUBLISHED ? "yellow" : "dim";
}
