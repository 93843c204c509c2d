import { readFile } from "node:fs/promises";
import test from "ava";
import { leaves, pathOf, wholeProgram } from "../../scripts/command-line/program.ts";
import { signet } from "./terminal.ts";

const COMMANDS = [
  "serve",
  "health",
  "token issue",
  "token verify",
  "token inspect",
  "token revoke",
  "keys list",
  "keys history",
  "keys plan",
  "keys rotate",
  "keys revoke",
  "keys import",
  "keys export",
  "keys restore",
  "session list",
  "profile list",
  "profile show",
  "profile check",
  "access check",
  "access test",
  "audit tail",
  "audit export",
  "audit verify",
  "audit archive",
  "audit receipt",
  "audit check-receipt",
  "audit hash",
  "audit keys",
  "audit checkpoint",
  "audit rotate-key",
  "audit close",
  "audit retire",
  "dev certs",
  "config check",
  "completion",
];

for (const name of COMMANDS) {
  test(`the examples of ${name} --help parse`, async (t) => {
    const { code, stdout, stderr } = await signet([...name.split(" "), "--help"]);
    t.is(code, 0);
    t.is(stderr, "");
    const examples = [...stdout.matchAll(/^ {2}\$ .*?(signet [^|)<>\n]+)/gm)].map(([, line]) => line ?? "");
    t.true(examples.length > 0);
    for (const line of examples) {
      t.true(line.startsWith(`signet ${name} `) || line === `signet ${name}`, line);
      await t.notThrowsAsync(parse(line), line);
    }
  });
}

test("every command is in this test", async (t) => {
  t.deepEqual(leaves(await wholeProgram()).map(pathOf), [...COMMANDS, "help"]);
});

test("--version is the version of the package", async (t) => {
  const { version } = JSON.parse(await readFile("package.json", "utf8"));
  t.deepEqual(await signet(["--version"]), { code: 0, stdout: `${version}\n`, stderr: "" });
});

for (const [words, said] of [
  [["tokn"], /unknown command 'tokn' \(Did you mean token\?\)/],
  [["token", "isue"], /unknown command 'isue' \(Did you mean issue\?\)/],
  [["keys", "list", "--keysett", "x"], /unknown option '--keysett' \(Did you mean --keyset\?\)/],
  [["session", "list", "--limit", "0"], /Allowed: a whole number from 1 to 999999999/],
  [["token", "issue"], /missing required argument 'profile'/],
  [["token", "issue", "A.B"], /PROFILE must be 1 to 64 characters of a-z, 0-9 and -/],
  [["token", "verify"], /missing required argument 'profile'/],
  [["token", "revoke", "--profile", "x"], /required option '--reason <text>' not specified/],
  [["token", "revoke", "--profile", "x", "--reason", "r", "--expires-at", "soon"], /Allowed: an RFC 3339 time/],
  [["keys", "list", "x"], /too many arguments for 'list'\. Expected 0 arguments but got 1/],
  [["keys", "plan"], /missing required argument 'keyset'/],
  [["keys", "rotate"], /missing required argument 'keyset'/],
  [["keys", "revoke", "--reason", "r"], /missing required argument 'kid'/],
  [["keys", "import", "--profile", "x", "--encoding", "rot13"], /Allowed choices are utf8, base64, base64url, hex/],
  [
    ["keys", "import", "--profile", "x", "--encoding", "hex", "--overlap", "soon"],
    /Allowed: a duration such as 30d, 24h, 5m, 500ms or 300/,
  ],
  [["keys", "import", "--profile", "A.B", "--encoding", "hex"], /PROFILE must be 1 to 64 characters/],
  [["keys", "export"], /required option '--out <file>' not specified/],
  [["keys", "restore"], /missing required argument 'file'/],
  [["profile", "list", "x"], /too many arguments for 'list'\. Expected 0 arguments but got 1/],
  [["profile", "show"], /missing required argument 'profile'/],
  [["profile", "show", "A.B"], /PROFILE must be 1 to 64 characters/],
  [["profile", "check"], /missing required argument 'file'/],
  [["profile", "check", "--replace", "hivekit", "f"], /'file': --replace takes all words after it, so it goes last/],
  [["token", "issue", "--audience", "a", "service"], /'profile': --audience takes all words after it/],
  [["keys", "list", "--timeout", "0"], /'0' is invalid\. Allowed: 1ms to 1h/],
] as const) {
  test(`signet ${words.join(" ")} ends with 2 and says what is allowed`, async (t) => {
    const { code, stdout, stderr } = await signet(words);
    t.is(code, 2);
    t.is(stdout, "");
    t.regex(stderr, said);
  });
}

test("all faults of a command line are reported together, without the values of unknown options", async (t) => {
  const line = "token revoke --foo --timeout 0 --bar=secret --expires-at soon";
  const { code, stdout, stderr } = await signet(line.split(" "));
  t.is(code, 2);
  t.is(stdout, "");
  t.is(
    stderr,
    "error: option '--timeout <duration>' argument '0' is invalid. Allowed: 1ms to 1h; " +
      "option '--expires-at <time>' argument 'soon' is invalid. " +
      "Allowed: an RFC 3339 time such as 2026-11-22T12:00:00Z; " +
      "required option '--profile <profile>' not specified; required option '--reason <text>' not specified; " +
      "unknown option '--foo'; unknown option '--bar'\n",
  );
});

test("an option that takes one value is given once; a flag, or one that takes several, as often as you like", async (t) => {
  const once = "keys revoke k --reason a --timeout 1s --json --reason=b --json --timeout 2s --reason c";
  t.is(
    (await signet(once.split(" "))).stderr.trimEnd(),
    '{"code":"USAGE","message":"option \'--reason <text>\' is given more than once; ' +
      "option '--timeout <duration>' is given more than once\"}",
  );
  const often = "token issue A.B --claim a=1 --claim b=2 --audience x --audience y";
  t.regex((await signet(often.split(" "))).stderr, /^error: PROFILE must be/, "control");
});

test("a secret that begins with a hyphen, behind an option that there is not, is not repeated", async (t) => {
  const { stderr } = await signet("keys import --profile x --encoding hex --secret -S3cr_et --sekret=x".split(" "));
  t.regex(stderr, /^error: unknown option '--secret'.*; unknown option '--sekret'\n$/);
});

for (const line of [
  "keys revoke -S3cr_et --reason x",
  "keys import --profile x --S3cr_et",
  "token verify service -S3cr_et",
  "-S3cr_et",
  "keys -S3cr_et",
])
  test(`a secret that begins with a hyphen is not repeated where it is taken for an option: signet ${line}`, async (t) => {
    const { code, stderr } = await signet(line.split(" "));
    t.is(code, 2);
    t.regex(stderr, /unknown option; a value that begins with - goes last, after --/);
    t.notRegex(stderr, /S3cr/);
  });

test("what may be an option's name is repeated, with what it may have been", async (t) => {
  for (const [word, said] of [
    ["-x", "unknown option '-x'"],
    ["--key_id", "unknown option '--key_id' (Did you mean --key-id?)"],
  ] as const)
    t.is((await signet(["keys", "import", "--profile", "x", word])).stderr, `error: ${said}\n`);
});

test("an argument behind an unknown option is not called missing, and what follows -- is no option", async (t) => {
  const { stderr } = await signet(["token", "issue", "--foo", "service", "--", "--bar"]);
  t.is(stderr, "error: unknown option '--foo'\n");
});

for (const words of [
  ["help", "keys", "revoke"],
  ["keys", "help", "revoke"],
])
  test(`signet ${words.join(" ")} is signet keys revoke --help`, async (t) => {
    const { code, stdout, stderr } = await signet(words);
    t.is(code, 0);
    t.is(stderr, "");
    t.is(stdout, (await signet(["keys", "revoke", "--help"])).stdout);
  });

test("signet help lists every command, and signet help GROUP those of the group", async (t) => {
  const all = await signet(["help"]);
  t.is(all.code, 0);
  t.is(all.stdout, (await signet(["--help"])).stdout);
  for (const name of ["serve", "token", "keys", "profile", "audit", "dev", "config", "help"])
    t.regex(all.stdout, new RegExp(`^  ${name} `, "m"));
  const group = await signet(["help", "token"]);
  t.is(group.code, 0);
  for (const name of ["issue", "verify", "inspect", "revoke"]) t.regex(group.stdout, new RegExp(`^  ${name} `, "m"));
});

for (const [words, said] of [
  [
    ["help", "tokn"],
    /error: signet has the commands serve, health, token, keys, session, profile, access, audit, dev, config, comp/,
  ],
  [["help", "token", "isue"], /error: token has the commands issue, verify, inspect, revoke/],
  [["help", "token", "issue", "x"], /error: issue has no commands/],
] as const)
  test(`signet ${words.join(" ")} names the commands that there are`, async (t) => {
    const { code, stdout, stderr } = await signet(words);
    t.is(code, 2);
    t.is(stdout, "");
    t.regex(stderr, said);
  });

test("usage errors are one JSON object with --json", async (t) => {
  const { code, stderr } = await signet(["token", "issue", "--json"]);
  t.is(code, 2);
  t.deepEqual(JSON.parse(stderr), { code: "USAGE", message: "missing required argument 'profile'" });
});

for (const words of [[], ["token"], ["keys"], ["profile"]]) {
  test(`signet ${words.join(" ")} alone shows the help on standard error and ends with 2`, async (t) => {
    const { code, stdout, stderr } = await signet(words);
    t.is(code, 2);
    t.is(stdout, "");
    t.regex(stderr, /^Usage: signet/);
  });
}

/** Parses a line without running its command; throws a CommanderError for a wrong one. */
async function parse(line: string): Promise<void> {
  const built = await wholeProgram();
  for (const leaf of leaves(built)) leaf.action(() => {});
  await built.parseAsync(["node", ...line.trim().split(/\s+/)]);
}
