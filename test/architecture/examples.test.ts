import { globSync, readFileSync } from "node:fs";
import test from "ava";
import { importsOf } from "./imports.ts";

const EXAMPLE = "examples/gateway/";

/** The imports of a file of the example that lead out of it, to another file of the checkout. */
const leavingImports = (file: string, source: string) =>
  importsOf(file, source).filter(({ to }) => /^(src|test|scripts|bench)\/|^\.\./.test(to));

test("the example gateway imports nothing of src: it knows the contract by its own stubs alone", (t) => {
  const files = globSync(`${EXAMPLE}{backend,gateway,signet,web}/**/*.{ts,js}`);
  t.true(files.length > 20, "the sources were read");
  t.deepEqual(
    files.flatMap((file) => leavingImports(file, readFileSync(file, "utf8"))),
    [],
  );
});

test("nor do the subscribers: they know the package and what else a user installs", (t) => {
  const file = "examples/subscribers/subscriber.ts";
  const imports = importsOf(file, readFileSync(file, "utf8")).map(({ to }) => to);
  t.deepEqual(
    imports.filter((to) => !to.startsWith("node:")),
    ["@signet-tokens/signet/v1/audit", "nats"],
  );
});

test("negative control: an import of src is found", (t) => {
  const source = 'import type { Claims } from "../../../src/token/claims.ts";';
  t.is(leavingImports(`${EXAMPLE}gateway/main.ts`, source).length, 1);
});
