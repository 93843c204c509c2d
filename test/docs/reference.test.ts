import test from "ava";
import type { Command } from "commander";
import { EVENT_TYPES } from "../../src/audit/event-types.ts";
import { EXIT } from "../../src/cli/failure.ts";
import { buildProgram } from "../../src/cli/program.ts";
import { CONFIG_SCHEMA } from "../../src/config/schema.ts";
import { createMetrics } from "../../src/http/metrics.ts";
import { SETTING_RULES } from "../../src/nats/settings.ts";
import { terminal } from "../cli/terminal.ts";
import { codeOf, readPage, tableRows } from "./pages.ts";

interface Schema {
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly default?: unknown;
}

/** Each key of the configuration with its default as text. */
function configKeys(schema: Schema, path: readonly string[] = []): [key: string, preset: string][] {
  if (schema.properties === undefined) return [[path.join("."), String(schema.default)]];
  return Object.entries(schema.properties).flatMap(([key, inner]) => configKeys(inner, [...path, key]));
}

/** Each key with its default as the page has it. A default that is empty is explained, not quoted. */
function documentedKeys(page: string): [key: string, preset: string][] {
  return tableRows(page).map(([key, preset = ""]) => [
    codeOf(key) ?? "",
    preset.startsWith("empty: ") ? "" : (codeOf(preset) ?? "?"),
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
const SHARED = tableRows(PAGE.slice(0, PAGE.indexOf("\n## "))).map(([option]) => codeOf(option) ?? "");

function leaves(command: Command): Command[] {
  return command.commands.length === 0 ? [command] : command.commands.flatMap(leaves);
}

function program(): Promise<Command> {
  const { io } = terminal();
  const notStarted = () => Promise.reject(new Error("nothing is started"));
  return buildProgram({
    io,
    startApp: notStarted,
    backup: { exportKeys: notStarted, restoreKeys: notStarted },
    exit: () => {},
  });
}

function nameOf(command: Command): string {
  return command.parent?.parent ? `${nameOf(command.parent)} ${command.name()}` : command.name();
}

/** The heading of a command on the page: with its arguments in capitals. */
function headingOf(command: Command): string {
  const argumentNames = command.registeredArguments.map((argument) => {
    const name = argument.name().toUpperCase() + (argument.variadic ? "..." : "");
    return argument.required ? name : `[${name}]`;
  });
  return `### \`${[nameOf(command), ...argumentNames].join(" ")}\``;
}

test("docs/command-line.md has each command, and no other", async (t) => {
  const headings = PAGE.match(/^### .*$/gm) ?? [];
  t.deepEqual(
    headings.toSorted(),
    leaves(await program())
      .map(headingOf)
      .toSorted(),
  );
});

for (const command of leaves(await program()))
  test(`docs/command-line.md has each option of ${nameOf(command)}`, (t) => {
    const options = command.options.map(({ long }) => long ?? "");
    const own = options.includes("--address") ? options.filter((option) => !SHARED.includes(option)) : options;
    const listed = tableRows(PAGE, headingOf(command)).map(([option]) => codeOf(option) ?? "");
    t.deepEqual(listed.toSorted(), own.toSorted());
  });

test("docs/command-line.md has each exit code", (t) => {
  const codes = tableRows(PAGE, "## Exit codes").map(([code]) => Number(code));
  t.deepEqual(
    codes,
    Object.values(EXIT).toSorted((a, b) => a - b),
  );
});

test("docs/monitoring.md has each metric with its labels", async (t) => {
  const metrics = createMetrics({ version: "1", node: "24" });
  metrics.addSources({
    spoolLimitBytes: 1,
    spool: async () => ({ events: 0, bytes: 0, oldestAgeSeconds: 0 }),
    verifyCache: { hits: 0, misses: 0 },
    replicas: () => ({ live: 1, late: 0, storeAgeSeconds: 0, clockOffsetSeconds: 0 }),
    rotation: () => [{ keyset: "service", seconds: 1 }],
    settings: () => [{ stream: "bucket", verdict: "refused", count: 1 }],
  });
  metrics.addLoad(() => ({ connections: 1, openCalls: 1 }));
  metrics.limited("grpc.max_connections");
  metrics.call("M", "OK", 1);
  metrics.issued("p");
  metrics.denied("p", "INVALID_ARGUMENT");
  metrics.rejected("p", "EXPIRED");
  metrics.revoked("p", "token", 1);
  metrics.imported("p");
  metrics.expressionFailed("p", "rule", "0", "failed");
  const { body } = await metrics.render();
  const names = [...body.matchAll(/^# TYPE (signet_\w+)/gm)].map(([, name = ""]) => name);
  const labelled = names.map((name) => {
    const [, text = ""] = new RegExp(`^${name}(?:_count)?\\{([^}]*)\\}`, "m").exec(body) ?? [];
    return [name, ...[...text.matchAll(/(\w+)="/g)].map(([, label = ""]) => label)].join(" ");
  });
  const documented = tableRows(readPage("docs/monitoring.md"), "## Metrics").map(([name, labels = ""]) =>
    [codeOf(name), ...[...labels.matchAll(/`(\w+)`/g)].map(([, label]) => label)].join(" "),
  );
  t.true(labelled.length > 10);
  t.deepEqual(documented.toSorted(), labelled.toSorted());
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
