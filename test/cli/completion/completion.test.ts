import test from "ava";
import { leaves, pathOf, wholeProgram } from "../../../scripts/command-line/program.ts";
import { signet } from "../terminal.ts";
import { offeredIn, SHELLS, scriptFolder, testWith, typeInto } from "./shell.ts";

/** What is typed, where a tab completes, and what the command is called with, without the last slash of a folder. */
const TYPED: readonly (readonly [string, string])[] = [
  ["signet sess\t li\t", "session list"],
  [
    "signet keys im\t --enc\t base64u\t --sec\t given-fi\t",
    "keys import --encoding base64url --secret-file given-file",
  ],
  ["signet keys import --encoding=he\t", "keys import --encoding=hex"],
  ["signet keys rest\t --data given-fo\t given-fi\t", "keys restore --data given-folder given-file"],
  ["signet token ver\t hivek\t --tenant hivek\t", "token verify hivekit --tenant hivek"],
  ["signet profile check given-fi\t given-fi\t", "profile check given-file given-file"],
  ["signet access check --method Verif\t --needs diag\t", "access check --method VerifyToken --needs diagnosis"],
  ["signet audit tail --type=token.is\t --no\t", "audit tail --type=token.issued --no-follow"],
  [
    "signet audit tail --type token.is\t token.de\t --json --profile service hivek\t --type key.im\t --no\t",
    "audit tail --type token.issued token.denied --json --profile service hivekit --type key.imported --no-follow",
  ],
  [
    "signet profile check --replace hivek\t euler-s\t -- given-fo\t given-fi\t",
    "profile check --replace hivekit euler-stream -- given-folder given-file",
  ],
  [
    "signet access check --needs verify_\t diag\t --audience api --method VerifyT\t",
    "access check --needs verify_at diagnosis --audience api --method VerifyToken",
  ],
  ["signet help ke\t rot\t", "help keys rotate"],
  ["signet completion zs\t", "completion zsh"],
  ["signet keys list given-fi\t", "keys list given-fi"],
];

for (const shell of SHELLS) {
  testWith(shell, "a session completes commands, options, choices, profiles, files and folders", async (t) => {
    const typed = TYPED.map(([line]) => line);
    const ran = await typeInto(shell, await scriptFolder(t, shell), typed);
    t.deepEqual(
      ran.map((words) => words.replaceAll("/ ", " ")),
      TYPED.map(([, words]) => words),
    );
  });
}

for (const shell of SHELLS)
  testWith(shell, "every option of every command is offered, and no other", async (t) => {
    const commands = leaves(await wholeProgram()).filter((command) => command.name() !== "help");
    const lines = commands.map((command) => `signet ${pathOf(command)} --`);
    const offered = await offeredIn(shell, await scriptFolder(t, shell), lines);
    t.deepEqual(
      offered.map((words) => words.toSorted()),
      commands.map(({ options }) => [...options.map(({ long }) => long ?? ""), "--help"].toSorted()),
    );
  });

test("another shell is refused with those that are allowed", async (t) => {
  const { code, stdout, stderr } = await signet(["completion", "tcsh"]);
  t.deepEqual([code, stdout], [2, ""]);
  t.regex(stderr, /Allowed choices are bash, zsh, fish/);
});
