// Usage: node scripts/leaks.ts FOLDER [--whole]
// Searches what test/support/leaks/record.ts has gathered in the folder: no secret of a service may be in its logs,
// events, metrics, errors and traces. Prints one line "ok" or "not ok", and what was found. With --whole something of
// each kind must have been gathered, as it is by all tests together.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { createSearch, type Secret } from "./leaks/search.ts";

const EXPECTED = ["logs", "events", "metrics", "errors", "traces", "signature", "key", "credential"];
const MOST_SHOWN = 20;
/** How much of what precedes a leak is shown, in bytes. */
const CONTEXT = 120;

const [folder = "", option] = process.argv.slice(2);
const gathered = readdirSync(folder).map((name) => ({
  place: name.slice(0, name.indexOf(".")),
  bytes: readFileSync(join(folder, name)),
}));
const shown = gathered.filter(({ place }) => place !== "secrets");
const all = gathered.filter(({ place }) => place === "secrets").flatMap(({ bytes }) => secretsIn(bytes));
const search = createSearch(all);
// The negative control: a secret counts as looked for if the search finds it where it surely is.
const secrets = all.filter(({ bytes }) => search(bytes).length > 0);

const leaks = shown.flatMap(({ place, bytes }) =>
  search(bytes).map(({ kind, form, offset }) => {
    const before = bytes.subarray(Math.max(0, offset - CONTEXT), offset).toString("latin1");
    return `a ${kind} in the ${place}, in ${form}, after ${JSON.stringify(before)}`;
  }),
);
const kinds = new Set([...shown.map(({ place }) => place), ...secrets.map(({ kind }) => kind)]);
const missing = option === "--whole" ? EXPECTED.filter((kind) => !kinds.has(kind)) : [];

const megabytes = shown.reduce((sum, { bytes }) => sum + bytes.length, 0) / 1e6;
const isOk = leaks.length === 0 && missing.length === 0;
console.log(
  `${isOk ? "ok" : "not ok"} ${secrets.length} secrets, ${megabytes.toFixed(1)} MB of logs, events, metrics, errors ` +
    `and traces, ${leaks.length} leaks`,
);
if (missing.length > 0) console.log(`  nothing was gathered of: ${missing.join(", ")}`);
for (const leak of leaks.slice(0, MOST_SHOWN)) console.log(`  ${leak}`);
process.exitCode = isOk ? 0 : 1;

function secretsIn(bytes: Buffer): Secret[] {
  return bytes
    .toString("latin1")
    .trimEnd()
    .split("\n")
    .map((line) => {
      const [kind = "", text = ""] = line.split(" ");
      return { kind, bytes: Buffer.from(text, "base64url") };
    });
}
