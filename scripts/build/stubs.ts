import { execFileSync } from "node:child_process";
import { globSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";

/** Compiles the generated clients and types of the contract into `lib/stubs`, with their declarations. */
export function compileStubs(checkout: string, folder: string): void {
  const compiler = join(checkout, "node_modules/.bin/tsc");
  const project = join(checkout, "scripts/build/tsconfig.json");
  execFileSync(compiler, ["--project", project, "--outDir", join(folder, "lib/stubs")], { stdio: "inherit" });
  for (const map of globSync("lib/stubs/**/*.map", { cwd: folder })) nameSources(checkout, folder, map);
}

/** Names the sources as if they were in the package: tsc's names depend on where `folder` is. */
function nameSources(checkout: string, folder: string, map: string): void {
  const file = join(folder, map);
  const content = JSON.parse(readFileSync(file, "utf8")) as { sources: string[] };
  content.sources = content.sources.map((source) => {
    const named = join(folder, relative(checkout, resolve(dirname(file), source)));
    return relative(dirname(file), named);
  });
  writeFileSync(file, JSON.stringify(content));
}
