import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import test, { type ExecutionContext } from "ava";
import { build } from "esbuild";
import { OUTPUT } from "../../scripts/build/bundle.ts";
import { outcomeOf } from "../package/installed-package.ts";
import { tempFolder } from "../support/files/temp.ts";

/** Bundles a program as the package is bundled, into `lib` of a new folder. Returns both paths. */
async function bundled(
  t: ExecutionContext,
  program: string,
): Promise<{ readonly source: string; readonly lib: string }> {
  const folder = await tempFolder(t);
  const source = join(folder, "program.ts");
  writeFileSync(source, program);
  const lib = join(folder, "lib/program.js");
  await build({ ...OUTPUT, entryPoints: [source], outfile: lib });
  return { source, lib };
}

test("the frames of a trace are the places in the sources, behind an await and in a cause too", async (t) => {
  const { source, lib } = await bundled(
    t,
    `async function inner(): Promise<never> {
  await null;
  throw new TypeError("first\\nsecond");
}
try {
  await inner();
} catch (cause) {
  console.log(new Error("outer", { cause }).stack);
  console.log((cause as Error).stack);
}
`,
  );
  const { stdout } = await outcomeOf(process.execPath, [lib]);
  t.deepEqual(stdout.split("\n").slice(0, 6), [
    "Error: outer",
    `    at ${source}:8:15`,
    "TypeError: first",
    "second",
    `    at inner (${source}:3:9)`,
    `    at async ${source}:6:3`,
  ]);
});

test("a frame is found in a statement that the bundle has on several lines, and in a worker thread", async (t) => {
  const long = Array.from({ length: 40 }, (_, at) => `"text ${at}"`).join(", ");
  const { source, lib } = await bundled(
    t,
    `import { isMainThread, Worker } from "node:worker_threads";
if (isMainThread) new Worker(new URL(import.meta.url)).on("error", (error: Error) => console.log(error.stack));
else [${long}].map((text) => {
  if (text === "text 39") throw new Error(text);
});
`,
  );
  const { stdout } = await outcomeOf(process.execPath, [lib]);
  t.is(stdout.split("\n")[0], "Error: text 39");
  t.true(stdout.includes(`${source}:4:33`), stdout);
  t.true(stdout.includes(`${source}:3:`), stdout);
});

test("what has no map keeps its place: code of Node, of eval, and of a file whose map is damaged or gone", async (t) => {
  const { source, lib } = await bundled(
    t,
    `function thrower() {
  [1].map(() => eval("null.member"));
}
try {
  thrower();
} catch (error) {
  console.log((error as Error).stack);
}
`,
  );
  const mapped = await outcomeOf(process.execPath, [lib]);
  t.regex(mapped.stdout, /^TypeError: Cannot read properties of null/);
  t.true(mapped.stdout.includes(`at thrower (${source}:2:7)`), mapped.stdout);
  t.regex(mapped.stdout, /at eval \(eval at .*<anonymous>:1:6\)/);
  t.regex(mapped.stdout, /at Array\.map \(<anonymous>\)/);
  t.regex(mapped.stdout, /at .*\(node:internal/);
  const isBare = async () => {
    const bare = await outcomeOf(process.execPath, [lib]);
    t.regex(bare.stdout, /^TypeError[\s\S]*at thrower \(file:.*lib\/program\.js:\d+:\d+\)/);
  };
  writeFileSync(`${lib}.map`, "{");
  await isBare();
  rmSync(`${lib}.map`);
  await isBare();
});

test("an error that can't be named has a trace all the same", async (t) => {
  const { source, lib } = await bundled(
    t,
    `const error = Object.defineProperty(new Error("hidden"), "name", { get: () => null.member });
console.log(error.stack);
`,
  );
  const { stdout } = await outcomeOf(process.execPath, [lib]);
  t.deepEqual(stdout.split("\n").slice(0, 2), ["Error", `    at ${source}:1:37`]);
});
