// Usage: node scripts/build.ts [FOLDER]
// Makes the package that is published: FOLDER (default: dist/package) is what `npm pack` packs. The same checkout gives
// the same bytes.
import { cpSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";
import { bundle } from "./build/bundle.ts";
import { writeManifest } from "./build/manifest.ts";
import { writeNotices } from "./build/notices.ts";
import { compileStubs } from "./build/stubs.ts";

/** What is published as it is in the checkout. */
const COPIED = {
  LICENSE: "LICENSE",
  "deploy/systemd": "deploy/systemd",
  "examples/nats": "examples/nats",
  policies: "policies",
  profiles: "profiles",
  proto: "proto",
  "scripts/build/readme.md": "README.md",
  "scripts/build/signet.sh": "bin/signet",
};

const checkout = join(import.meta.dirname, "..");
const folder = resolve(process.argv[2] ?? join(checkout, "dist/package"));
const manifest = JSON.parse(readFileSync(join(checkout, "package.json"), "utf8"));

rmSync(folder, { recursive: true, force: true });
mkdirSync(folder, { recursive: true });
for (const [source, path] of Object.entries(COPIED))
  cpSync(join(checkout, source), join(folder, path), { recursive: true });
const published = writeManifest(manifest, folder);
await bundle(checkout, folder, Object.keys(published.optionalDependencies));
writeNotices(checkout, folder);
compileStubs(checkout, folder);
