// Usage: node scripts/image-tree.ts FOLDER [PACKAGE]
// Makes in FOLDER what the Dockerfile copies into the image, from the built package in PACKAGE (default: dist/package):
//   signet  the package with its optional packages, without what only machines and users of npm need
//   data    the empty folder that a volume covers
// Everyone may read `signet`, whatever the umask was. Engines copy what is in a folder, and make the folder anew.
import { chmodSync, cpSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { packagesBelow } from "./image/packages-below.ts";

const checkout = join(import.meta.dirname, "..");
const [folder, built = join(checkout, "dist/package")] = process.argv.slice(2);
if (folder === undefined) throw new Error("usage: node scripts/image-tree.ts FOLDER [PACKAGE]");
const NOT_IN_IMAGE = ["README.md", "bin", "deploy", "examples", "lib/stubs"].map((path) => join(built, path));
const [signet, data] = [join(folder, "signet"), join(folder, "data")];
for (const path of [signet, data]) rmSync(path, { recursive: true, force: true });

cpSync(built, signet, { recursive: true, filter: (path) => !NOT_IN_IMAGE.includes(path) });
const { optionalDependencies } = JSON.parse(readFileSync(join(built, "package.json"), "utf8"));
for (const path of packagesBelow(checkout, Object.keys(optionalDependencies)))
  cpSync(join(checkout, path), join(signet, path), {
    recursive: true,
    filter: (inner) => !isLeftOut(inner.slice(join(checkout, path).length)),
  });
cpSync(
  join(checkout, "scripts/build/licenses/libsodium-isc.txt"),
  join(signet, "node_modules/sodium-native/LICENSE-libsodium"),
);
openToReaders(signet);
mkdirSync(data);

/** Packages of their own, and add-ons for platforms that are none of an image. */
function isLeftOut(path: string): boolean {
  return path.includes("/node_modules") || /\/prebuilds\/(?!linux-(x64|arm64)(\/[^/]+\.node)?$)/.test(path);
}

function openToReaders(path: string): void {
  const isFolder = statSync(path).isDirectory();
  chmodSync(path, isFolder ? 0o755 : 0o644);
  if (isFolder) for (const name of readdirSync(path)) openToReaders(join(path, name));
}
