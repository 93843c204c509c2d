import { globSync, readFileSync } from "node:fs";
import test from "ava";
import { importsOf, readSources } from "./architecture/imports.ts";
import { ambientFault, crowdedFolders, importCircle, importFault } from "./architecture/rules.ts";

const sources = readSources();

test("every import of src goes down the order of folders, and only where its rule allows", (t) => {
  const imports = Array.from(sources).flatMap(([file, source]) => importsOf(file, source));
  t.true(imports.length > 50, "the sources were read");
  t.deepEqual(
    imports.map(importFault).filter((fault) => fault !== undefined),
    [],
  );
});

test("no script imports a test: what both need stands in scripts", (t) => {
  const testsIn = (file: string, source: string) => importsOf(file, source).filter(({ to }) => to.startsWith("test/"));
  const files = globSync("scripts/**/*.ts");
  t.true(files.length > 20, "the scripts were read");
  t.deepEqual(
    files.flatMap((file) => testsIn(file, readFileSync(file, "utf8"))),
    [],
  );
  t.is(testsIn("scripts/a.ts", 'import { b } from "../test/support/b.ts";').length, 1, "negative control");
});

test("no file imports itself over others, by a type either", (t) => {
  t.deepEqual(importCircle(Array.from(sources).flatMap(([file, source]) => importsOf(file, source))), []);
});

test("no folder has more than 16 files of its own", (t) => {
  t.deepEqual(crowdedFolders(sources.keys()), []);
});

test("negative control: a circle of imports is found, and a folder of 17 files is too full", (t) => {
  const [a, b, c] = ["src/a.ts", "src/b.ts", "src/c.ts"] as const;
  const imports = [
    { from: c, to: a },
    { from: a, to: b },
    { from: b, to: a },
  ];
  t.deepEqual(importCircle(imports), [a, b]);
  t.deepEqual(importCircle(imports.slice(0, 2)), []);
  const files = Array.from({ length: 17 }, (_, index) => `src/keys/${index}.ts`);
  t.deepEqual(crowdedFolders(files), ["src/keys has 17 files of its own: at most 16"]);
  t.deepEqual(crowdedFolders([...files.slice(1), "src/keys/rotating/1.ts"]), []);
});

test("the domain takes time, ids and chance as arguments", (t) => {
  t.deepEqual(
    Array.from(sources, ([file, source]) => ambientFault(file, source)).filter((fault) => fault !== undefined),
    [],
  );
});

test("static, side-effect, dynamic, type-only and re-exporting imports are all found", (t) => {
  const source = [
    'import { a } from "./a.ts";',
    'import type {\n  B,\n} from "../token/b.ts";',
    'import "node:fs";',
    'const c = await import("nats");',
    'export * from "./d.ts";',
    'type E = import("./e.ts").E;',
  ].join("\n");
  t.deepEqual(
    importsOf("src/audit/x.ts", source).map(({ to }) => to),
    ["src/audit/a.ts", "src/token/b.ts", "node:fs", "nats", "src/audit/d.ts", "src/audit/e.ts"],
  );
});

const violations: readonly (readonly [from: string, to: string, rule: RegExp])[] = [
  ["src/token/verify/verify.ts", "src/grpc/status.ts", /grpc stands above token/],
  ["src/keys/rotating/key-states.ts", "src/token/rejection.ts", /token stands above keys/],
  ["src/profile/load.ts", "src/config/config.ts", /config stands above profile/],
  ["src/async/follow.ts", "src/state/keyvalue.ts", /state stands above async/],
  ["src/cli/program.ts", "src/app/app.ts", /app stands above cli/],
  ["src/grpc/server.ts", "src/http/server.ts", /grpc and http must not know each other/],
  ["src/jose/seal.ts", "src/nats/link.ts", /jose and nats must not know each other/],
  ["src/nats/bucket/keyvalue.ts", "src/state/memory.ts", /an adapter sees ports alone/],
  ["src/jose/key-vault.ts", "src/keys/rotating/key-states.ts", /an adapter sees ports alone/],
  ["src/utils/text.ts", "src/token/rejection.ts", /src\/utils\/text.ts is not in the order of folders/],
  ["src/audit/event.ts", "src/gen/signet/v1/audit.ts", /generated code stays at the edge/],
  ["src/app/app.ts", "src/gen/signet/v1/token.ts", /generated code stays at the edge/],
  ["src/token/verify/verify.ts", "node:fs", /no input or output in the domain/],
  ["src/state/memory.ts", "node:net", /no input or output in the domain/],
  ["src/audit/spool/spool.ts", "node:net", /no input or output in the domain/],
  ["src/token/verify/verify.ts", "jose", /only jose may know it/],
  ["src/audit/forward/forwarder.ts", "nats/lib/x.js", /only nats may know it/],
  ["src/http/server.ts", "@grpc/grpc-js", /only grpc and cli and spiffe may know it/],
  ["src/app/app.ts", "test/support/temp.ts", /no part of the product/],
];

for (const [from, to, rule] of violations) {
  test(`negative control: ${from} importing ${to} is a fault`, (t) => {
    t.regex(importFault({ from, to }) ?? "no fault", rule);
  });
}

for (const [from, to] of [
  ["src/main.ts", "src/config/load.ts"],
  ["src/app/state/open-state.ts", "src/state/file.ts"],
  ["src/cli/commands/audit/tail.ts", "src/nats/audit/tail.ts"],
  ["src/nats/bucket/keyvalue.ts", "src/state/keyvalue.ts"],
  ["src/nats/bucket/keyvalue.ts", "src/async/signal.ts"],
  ["src/token/issue/token-signer.ts", "src/profile/model/profile.ts"],
  ["src/profile/load.ts", "node:fs"],
  ["src/jose/seal.ts", "node:crypto"],
  ["src/grpc/services/issue.ts", "src/gen/signet/v1/token.ts"],
] as const) {
  test(`${from} may import ${to}`, (t) => {
    t.is(importFault({ from, to }), undefined);
  });
}

test("negative control: a clock or chance in the domain is a fault, in a comment, a door or an edge it is none", (t) => {
  t.regex(
    ambientFault("src/token/issue/token-signer.ts", "const now = Date.now();") ?? "",
    /uses Date\.now\(: take it as an argument/,
  );
  t.regex(ambientFault("src/keys/rotating/plan.ts", "const id = randomUUID();") ?? "", /uses randomUUID\(/);
  t.is(ambientFault("src/token/issue/token-signer.ts", "const then = new Date(now);"), undefined);
  t.is(ambientFault("src/state/file.ts", "process.pid"), undefined);
  t.is(ambientFault("src/grpc/unary.ts", "performance.now()"), undefined);
});
