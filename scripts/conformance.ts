import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { report } from "./conformance/report.ts";
import { ROWS } from "./conformance/rows.ts";
import { readTapLine, type TestResult } from "./conformance/tap.ts";

const ROOT = fileURLToPath(new URL("..", import.meta.url));

const tests = spawn(process.execPath, ["node_modules/.bin/ava", "--tap", "test/conformance/*.test.ts"], {
  cwd: ROOT,
  stdio: ["ignore", "pipe", "inherit"],
});
const closed = once(tests, "close");
const results: TestResult[] = [];
for await (const line of createInterface({ input: tests.stdout })) {
  const result = readTapLine(line);
  if (result !== undefined) results.push(result);
}
const [code] = await closed;
const { lines, ok } = report(ROWS, results);
console.log(lines.join("\n"));
if (!ok) console.log('for the causes: make test T="test/conformance/*.test.ts"');
// AVA may fail as a whole, for example on a file that can't be loaded.
if (ok && code !== 0) console.log(`ava ended with exit code ${code} and no failed test`);
process.exitCode = ok && code === 0 ? 0 : 1;
