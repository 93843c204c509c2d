import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";

/**
 * The folders of the installed packages `names` and of all that these need, relative to `root`, whose `node_modules`
 * they are in. Throws if one is not installed; peers that are optional may be absent.
 */
export function packagesBelow(root: string, names: readonly string[]): string[] {
  const found = new Set<string>();
  const visit = (name: string, from: string): void => {
    const path = resolve(root, name, from);
    if (found.has(path)) return;
    found.add(path);
    const manifest = JSON.parse(readFileSync(join(root, path, "package.json"), "utf8"));
    const { dependencies = {}, peerDependencies = {}, peerDependenciesMeta = {} } = manifest;
    const peers = Object.keys(peerDependencies).filter((peer) => peerDependenciesMeta[peer]?.optional !== true);
    for (const needed of [...Object.keys(dependencies), ...peers]) visit(needed, path);
  };
  for (const name of names) visit(name, ".");
  return [...found].sort();
}

/** As Node looks: in the `node_modules` of the folder itself, then in those above it. */
function resolve(root: string, name: string, from: string): string {
  const path = join(from, "node_modules", name);
  if (existsSync(join(root, path, "package.json"))) return path;
  if (from === ".") throw new Error(`the package ${name} is not installed`);
  return resolve(root, name, dirname(from));
}
