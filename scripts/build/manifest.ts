import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { OLDEST_NODE } from "../../src/node-version.ts";

/** The members of package.json that the build reads. */
export interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly description: string;
  readonly license: string;
  readonly dependencies: Readonly<Record<string, string>>;
  readonly optionalDependencies: Readonly<Record<string, string>>;
}

/** What the stubs import; the service has all its packages in its bundle. */
const STUB_PACKAGES = ["@bufbuild/protobuf", "@grpc/grpc-js"];

/** The Node of a checkout. Whoever installs the package brings their own. */
const isNode = (name: string): boolean => name.startsWith("node-linux-");

/**
 * Optional for whoever installs the package. In a checkout they are not: npm leaves out optional packages whose
 * `engines` do not fit the Node that runs npm, which may be an old one here. The API is in the bundle, since
 * prom-client loads it at every start.
 */
const isForTraces = (name: string): boolean => /^@opentelemetry\/(?!api$)/.test(name);

/** Writes the package.json that is published, and returns it. */
export function writeManifest(manifest: Manifest, folder: string) {
  const { name, version, description, license } = manifest;
  const published = {
    name,
    version,
    description,
    license,
    type: "module",
    bin: { signet: "bin/signet" },
    exports: {
      "./v1/*": { types: "./lib/stubs/signet/v1/*.d.ts", default: "./lib/stubs/signet/v1/*.js" },
      "./google/*": { types: "./lib/stubs/google/*.d.ts", default: "./lib/stubs/google/*.js" },
      "./proto/*": "./proto/*",
      "./package.json": "./package.json",
    },
    imports: {
      "#package.json": "./package.json",
      "#audit-thread": "./lib/audit-thread.js",
      "#state-thread": "./lib/state-thread.js",
      "#verify-thread": "./lib/verify-thread.js",
    },
    engines: { node: `>=${OLDEST_NODE.join(".")}` },
    dependencies: pick(manifest.dependencies, (name) => STUB_PACKAGES.includes(name)),
    optionalDependencies: {
      ...pick(manifest.optionalDependencies, (name) => !isNode(name)),
      ...pick(manifest.dependencies, isForTraces),
    },
  };
  writeFileSync(join(folder, "package.json"), `${JSON.stringify(published, undefined, 2)}\n`);
  return published;
}

function pick(versions: Readonly<Record<string, string>>, isWanted: (name: string) => boolean) {
  return Object.fromEntries(Object.entries(versions).filter(([name]) => isWanted(name)));
}
