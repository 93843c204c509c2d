import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import test from "ava";
import { filesIn } from "../../../support/files/config-files.ts";
import { signet } from "../../terminal.ts";

const SHIPPED = fileURLToPath(new URL("../../../../profiles", import.meta.url));

const LOBBY = `profile: lobby
issuer: lobby.example
header: { typ: JWT }
keys: { imported: HS256, encoding: utf8 }
lifetime: { exp: required, default: 15m, max: 1h }
request: { type: object }
claims:
  - { name: iss, from: issuer }
  - { name: sub, from: subject }
  - { name: exp, from: expires_at }
accept: { type: object }
`;

test("a good file and a folder of good files are ok, also as JSON", async (t) => {
  const folder = await filesIn(t, { "lobby.yaml": LOBBY, "other.yaml": LOBBY.replace("lobby", "other") });
  const [lobby, other] = [join(folder, "lobby.yaml"), join(folder, "other.yaml")];
  t.deepEqual(await signet(["profile", "check", lobby]), { code: 0, stdout: `ok  lobby  ${lobby}\n`, stderr: "" });
  const { stdout } = await signet(["profile", "check", folder]);
  t.is(stdout, `ok  lobby  ${lobby}\nok  other  ${other}\n`);
  const { profiles } = JSON.parse((await signet(["profile", "check", "--json", folder])).stdout);
  t.like(profiles, { length: 2, 0: { name: "lobby", file: lobby }, 1: { name: "other", file: other } });
  t.regex(profiles[0].digest, /^[\w-]{43}$/);
});

test("the faults of all files come at once, each with its file, line and path", async (t) => {
  const folder = await filesIn(t, {
    "one.yaml": LOBBY.replace("max: 1h", "max: soon").replace("typ: JWT", "type: JWT"),
    "two.yaml": LOBBY.replace("profile: lobby", "profile: Lobby"),
  });
  const { code, stdout, stderr } = await signet(["profile", "check", folder]);
  t.is(code, 1);
  t.is(stdout, "");
  const [heading, ...faults] = stderr.trim().split("\n");
  t.is(heading, "error: PROFILE: the profiles have faults");
  const places = faults.map((fault) => fault.replace(`${folder}/`, "").split(": ")[0]);
  t.deepEqual(places.sort(), ["one.yaml:3 header.type", "one.yaml:5 lifetime.max", "two.yaml:1 profile"]);
});

test("an expression of a wrong type is a fault where the schema shows the type", async (t) => {
  const request = "request: { type: object, properties: { age: { type: integer }, name: { type: string } } }";
  const profile = LOBBY.replace("request: { type: object }", request)
    .replace("accept:", '  - { name: next, cel: "request.age + 1" }\n  - { name: who, cel: request.name }\naccept:')
    .replace("accept: { type: object }", "accept: { type: object, properties: { who: { type: boolean } } }")
    .concat("rules: [{ require: claims.exp, reason: NOT_PERMITTED, message: m }]\n");
  const folder = await filesIn(t, { "lobby.yaml": profile });
  const { code, stderr } = await signet(["profile", "check", folder]);
  t.is(code, 1);
  t.deepEqual(
    stderr
      .trim()
      .split("\n")
      .slice(1)
      .map((fault) => fault.replace(/^.*yaml:\d+ /, "")),
    [
      "claims[3].cel: applies + to (double, int), for which CEL has no form: a number of JSON is a double, so write 1.0 instead of 1",
      "claims[4].cel: gives a string, where a bool is required",
      "rules[0].require: gives a double, where a bool is required",
    ],
  );
});

test("what disagrees with a profile that ships is a fault that names both files", async (t) => {
  const folder = await filesIn(t, {
    "taken.yaml": LOBBY.replace("lobby", "service"),
    "shared.yaml": LOBBY.replace("imported: HS256, encoding: utf8", "keyset: service, algorithm: EdDSA"),
  });
  const { code, stderr } = await signet(["profile", "check", "--json", folder]);
  t.is(code, 1);
  const { faults } = JSON.parse(stderr) as { faults: { file: string; path: string; message: string }[] };
  const [shared, taken] = ["shared.yaml", "taken.yaml"].map((name) =>
    faults.find(({ file }) => file === join(folder, name)),
  );
  t.is(taken?.path, "profile");
  t.true(taken?.message.includes(join(SHIPPED, "service.yaml")));
  t.regex(String(taken?.message), /: to replace it, list the name in profiles\.replace, and check with --replace$/);
  t.is(shared?.path, "keys.keyset");
  t.true(shared?.message.includes(join(SHIPPED, "service.yaml")));
});

test("profiles that accept each other's tokens cause a warning with their files, and are not a fault", async (t) => {
  const guest = LOBBY.replace("issuer: lobby.example", "issuer: service")
    .replace("typ: JWT", "typ: at+JWT")
    .replace("imported: HS256, encoding: utf8", "keyset: service, algorithm: EdDSA");
  const folder = await filesIn(t, { "guest.yaml": guest });
  const files = [join(folder, "guest.yaml"), join(SHIPPED, "service.yaml")];
  const { code, stdout, stderr } = await signet(["profile", "check", folder]);
  t.deepEqual([code, stdout], [0, `ok  lobby  ${files[0]}\n`]);
  t.is(
    stderr,
    `warning: ${files.join(" and ")} share the keyset service, issuer and typ: each accepts tokens of the others that satisfy its audience, accept and rules\n`,
  );
  const json = await signet(["profile", "check", "--json", folder]);
  t.deepEqual(JSON.parse(json.stdout).shared, [{ keyset: "service", files }]);
});

test("the profiles that ship are without fault, and are not held against themselves", async (t) => {
  const { code, stdout, stderr } = await signet(["profile", "check", SHIPPED]);
  t.deepEqual([code, stderr], [0, ""]);
  t.true(stdout.includes(`service       ${join(SHIPPED, "service.yaml")}\n`));
  const one = join(SHIPPED, "service.yaml");
  t.is((await signet(["profile", "check", one, one])).stdout, `ok  service  ${one}\n`);
});

test("a copy of a profile that ships is a second one of its name", async (t) => {
  const folder = await filesIn(t, { "copy.yaml": readFileSync(join(SHIPPED, "service.yaml"), "utf8") });
  const { code, stderr } = await signet(["profile", "check", folder]);
  t.is(code, 1);
  t.regex(stderr, /copy\.yaml:2 profile: is already the name of the profile in/);
});

test("a missing file and an empty folder are faults; no file at all is wrong usage", async (t) => {
  const folder = await filesIn(t, {});
  const missing = await signet(["profile", "check", join(folder, "no.yaml"), folder]);
  t.is(missing.code, 1);
  t.true(missing.stderr.includes(`${join(folder, "no.yaml")}: can't be read: ENOENT\n`));
  t.true(missing.stderr.includes(`${folder}: contains no *.yaml file\n`));
  t.is((await signet(["profile", "check"])).code, 2);
});

test("--replace takes a profile that ships out of the check, and refuses any other name", async (t) => {
  const folder = await filesIn(t, { "taken.yaml": LOBBY.replace("lobby", "reactive") });
  t.is((await signet(["profile", "check", folder, "--replace", "reactive"])).code, 0);
  t.is((await signet(["profile", "check", "--replace", "reactive", "--", folder])).code, 0);
  const { code, stderr } = await signet(["profile", "check", folder, "--replace", "reactive", "parlour"]);
  t.is(code, 1);
  t.regex(stderr, /^--replace: parlour is not the name of a profile that ships$/m);
});
