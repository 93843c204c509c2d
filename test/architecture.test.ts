import test from "ava";
import { importsOf, readSources } from "./architecture/imports.ts";
import { ambientFault, importFault } from "./architecture/rules.ts";

const sources = readSources();

test("every import of src goes down the layers, and only where its rule allows", (t) => {
  const imports = Array.from(sources).flatMap(([file, source]) => importsOf(file, source));
  t.true(imports.length > 50, "the sources were read");
  t.deepEqual(
    imports.map(importFault).filter((fault) => fault !== undefined),
    [],
  );
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
  ["src/token/verify.ts", "src/grpc/status.ts", /grpc stands above token/],
  ["src/state/memory.ts", "src/keyring/ring.ts", /keyring stands above state/],
  ["src/cli/serve.ts", "src/app.ts", /app stands above cli/],
  ["src/jose/sign.ts", "src/cli/io.ts", /cli stands above jose/],
  ["src/grpc/server.ts", "src/nats/connect.ts", /grpc and nats must not know each other/],
  ["src/jose/sign.ts", "src/http/server.ts", /jose and http must not know each other/],
  ["src/keyring/ring.ts", "src/state/file.ts", /only src\/state\/keyvalue.ts is open here/],
  ["src/nats/keyvalue.ts", "src/state/memory.ts", /only src\/state\/keyvalue.ts is open here/],
  ["src/utils/text.ts", "src/token/verify.ts", /src\/utils\/text.ts is in no layer/],
  ["src/audit/event.ts", "src/gen/signet/v1/audit.ts", /generated code stays at the edge/],
  ["src/app.ts", "src/gen/signet/v1/token.ts", /generated code stays at the edge/],
  ["src/token/verify.ts", "node:fs", /no input or output in the domain/],
  ["src/state/memory.ts", "node:net", /no input or output in the domain/],
  ["src/audit/spool.ts", "node:net", /no input or output in the domain/],
  ["src/token/verify.ts", "jose", /only jose may know it/],
  ["src/audit/forwarder.ts", "nats/lib/x.js", /only nats may know it/],
  ["src/http/server.ts", "@grpc/grpc-js", /only grpc and cli may know it/],
  ["src/app.ts", "test/support/temp.ts", /no part of the product/],
];

for (const [from, to, rule] of violations) {
  test(`negative control: ${from} importing ${to} is a fault`, (t) => {
    t.regex(importFault({ from, to }) ?? "no fault", rule);
  });
}

for (const [from, to] of [
  ["src/main.ts", "src/config/load.ts"],
  ["src/app.ts", "src/state/file.ts"],
  ["src/cli/audit-tail.ts", "src/nats/tail.ts"],
  ["src/nats/keyvalue.ts", "src/state/keyvalue.ts"],
  ["src/token/issue.ts", "src/profile/profile.ts"],
  ["src/profile/load.ts", "node:fs"],
  ["src/jose/sign.ts", "node:crypto"],
  ["src/audit/encode.ts", "src/gen/signet/v1/audit.ts"],
] as const) {
  test(`${from} may import ${to}`, (t) => {
    t.is(importFault({ from, to }), undefined);
  });
}

test("negative control: a clock or chance in the domain is a fault, in a comment, a door or an edge it is none", (t) => {
  t.regex(
    ambientFault("src/token/issue.ts", "const now = Date.now();") ?? "",
    /uses Date\.now\(: take it as an argument/,
  );
  t.regex(ambientFault("src/keyring/plan.ts", "const id = randomUUID();") ?? "", /uses randomUUID\(/);
  t.is(ambientFault("src/token/issue.ts", "const then = new Date(now);"), undefined);
  t.is(ambientFault("src/state/file.ts", "process.pid"), undefined);
  t.is(ambientFault("src/grpc/unary.ts", "performance.now()"), undefined);
});
