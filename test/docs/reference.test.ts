import test from "ava";
import { withCommands } from "../../scripts/command-line.ts";
import { EVENT_TYPES } from "../../src/audit/event-types.ts";
import { EXIT } from "../../src/cli/failure.ts";
import { CONFIG_SCHEMA } from "../../src/config/schema.ts";
import { SETTING_RULES } from "../../src/nats/settings.ts";
import { codeOf, readPage, tableRows } from "./pages.ts";

interface Schema {
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: Schema | boolean;
  readonly default?: unknown;
}

/** Each key of the configuration with its default as text. */
function configKeys(schema: Schema, path: readonly string[] = []): [key: string, preset: string][] {
  // What stands under each name of a map; only there a key may lack a default.
  if (typeof schema.additionalProperties === "object")
    return configKeys(schema.additionalProperties, [...path, "ALIAS"]);
  if (schema.properties === undefined) return [[path.join("."), String(schema.default ?? "required")]];
  return Object.entries(schema.properties).flatMap(([key, inner]) => configKeys(inner, [...path, key]));
}

/** Each key with its default as the page has it. A default that is empty is explained, not quoted. */
function documentedKeys(page: string): [key: string, preset: string][] {
  return tableRows(page).map(([key, preset = ""]) => [
    codeOf(key) ?? "",
    preset.startsWith("empty: ") ? "" : preset === "required" ? preset : (codeOf(preset) ?? "?"),
  ]);
}

test("docs/configuration.md has each key of the configuration with its default, in the order of the schema", (t) => {
  t.deepEqual(documentedKeys(readPage("docs/configuration.md")), configKeys(CONFIG_SCHEMA as Schema));
});

test("a key that the page lacks, and a default that is another one, are found", (t) => {
  const page = readPage("docs/configuration.md");
  const lacking = page.replace(/^\| `log.level`.*\n/m, "");
  const wrong = page.replace("`127.0.0.1:50051`", "`127.0.0.1:50052`");
  t.notDeepEqual(documentedKeys(lacking), configKeys(CONFIG_SCHEMA as Schema));
  t.notDeepEqual(documentedKeys(wrong), configKeys(CONFIG_SCHEMA as Schema));
});

const PAGE = readPage("docs/command-line.md");

test("docs/command-line.md is what the help of each command says", async (t) => {
  t.is(PAGE, await withCommands(PAGE), "run: make generate");
});

test("negative control: a row, a command and an exit code that the page lacks are found", async (t) => {
  for (const lacking of [/^\| `--allow-weak`.*\n/m, /^### `keys plan[^#]*/m, /69 nobody answers/]) {
    const page = PAGE.replace(lacking, "");
    t.not(page, PAGE);
    t.is(await withCommands(page), PAGE);
  }
});

test("docs/command-line.md gives a command no exit code that signet does not have", (t) => {
  const lists = [...PAGE.matchAll(/^Exit codes: [^#`<]*/gm)].map(([text]) => text);
  const codes = lists.flatMap((text) => [...text.matchAll(/[:;]\s(\d+) /g)].map(([, code]) => Number(code)));
  t.true(lists.length > 20);
  t.deepEqual(
    [...new Set(codes)].toSorted((a, b) => a - b),
    Object.values(EXIT).toSorted((a, b) => a - b),
  );
});

test("docs/command-line.md has each exit code", (t) => {
  const codes = tableRows(PAGE, "## Exit codes").map(([code]) => Number(code));
  t.deepEqual(
    codes,
    Object.values(EXIT).toSorted((a, b) => a - b),
  );
});

test("docs/operations.md has each judged setting of NATS, with its verdicts, what it does, and the way out", (t) => {
  const documented = tableRows(readPage("docs/operations.md"), "## NATS forgets").map(
    ([setting, bucket, audit, effect, wayOut]) => [codeOf(setting), bucket, audit, effect, codeOf(wayOut) ?? wayOut],
  );
  const judged = SETTING_RULES.map(({ setting, bucket, audit, effect, wayOut }) => {
    return [setting, bucket, audit, effect, wayOut === "" ? "delete" : wayOut];
  });
  t.deepEqual(documented, judged);
});

test("docs/audit-events.md has each type of event", (t) => {
  const types = tableRows(readPage("docs/audit-events.md")).map(([type]) => codeOf(type) ?? "");
  t.deepEqual(types.toSorted(), Object.keys(EVENT_TYPES).toSorted());
});
