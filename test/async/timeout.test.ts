import { spawnSync } from "node:child_process";
import { getEventListeners } from "node:events";
import { setImmediate as turn } from "node:timers/promises";
import test from "ava";
import { endsWithin, pause, within } from "../../src/async/timeout.ts";

const never = new Promise<string>(() => undefined);
const HOUR = 3_600_000;
const TIMEOUT = new URL("../../src/async/timeout.ts", import.meta.url).href;

test("work that ends in time gives its result or its error", async (t) => {
  const otherwise = () => "late";
  t.is(await within({ ms: HOUR }, Promise.resolve("done"), otherwise), "done");
  const failure = new Error("failed");
  t.is(await t.throwsAsync(within({ ms: HOUR }, Promise.reject(failure), otherwise)), failure);
});

test("work that is late, or whose signal aborts, gives what otherwise gives", async (t) => {
  t.is(await within({ ms: 1 }, never, (reason) => reason), "late");
  const abort = new AbortController();
  const aborted = within({ ms: HOUR, signal: abort.signal }, never, (reason) => reason);
  t.is(getEventListeners(abort.signal, "abort").length, 1);
  abort.abort();
  t.is(await aborted, "aborted");
  t.is(getEventListeners(abort.signal, "abort").length, 0);
  t.is(await within({ signal: abort.signal }, never, (reason) => reason), "aborted");
});

test.serial("a time that is over already is late, without a warning of Node", async (t) => {
  const warnings: string[] = [];
  const onWarning = ({ name }: Error) => void warnings.push(name);
  process.on("warning", onWarning);
  t.teardown(() => process.off("warning", onWarning));
  t.false(await endsWithin(-5, never));
  await turn();
  t.deepEqual(warnings, []);
  clearTimeout(setTimeout(() => {}, -5));
  await turn();
  t.deepEqual(warnings, ["TimeoutNegativeWarning"], "negative control");
});

test("otherwise may throw, and work that fails later is ignored", async (t) => {
  const late = Promise.withResolvers<string>();
  const refuse = () => {
    throw new Error("too late");
  };
  await t.throwsAsync(within({ ms: 1 }, late.promise, refuse), { message: "too late" });
  late.reject(new Error("ignored"));
});

test("work that rejects in time ends in time too", async (t) => {
  t.true(await endsWithin(HOUR, Promise.resolve()));
  t.true(await endsWithin(HOUR, Promise.reject(new Error("failed"))));
  t.false(await endsWithin(1, never));
});

test("a pause ends with its time, or with its signal", async (t) => {
  await pause(1);
  const abort = new AbortController();
  const long = pause(HOUR, abort.signal);
  abort.abort();
  await long;
  await pause(HOUR, abort.signal);
  t.pass();
});

/** What a process that waits for nothing else prints before it ends. */
function printedBy(code: string): string {
  const source = `import { endsWithin, pause } from ${JSON.stringify(TIMEOUT)}; ${code}`;
  return spawnSync(process.execPath, ["--input-type=module", "-e", source], { encoding: "utf8" }).stdout;
}

test("a time-out and a pause keep the process alive until they are over, and AbortSignal.timeout does not", (t) => {
  t.is(
    printedBy("await endsWithin(50, new Promise(() => {})); await pause(50); console.log('answered');"),
    "answered\n",
  );
  t.is(
    printedBy(
      "await new Promise((resolve) => AbortSignal.timeout(50).addEventListener('abort', resolve)); console.log('no');",
    ),
    "",
  );
});
