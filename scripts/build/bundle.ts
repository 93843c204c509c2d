import { cpSync, mkdirSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { cyclonedxEsbuildPlugin } from "@cyclonedx/cyclonedx-esbuild";
import { type BuildOptions, build } from "esbuild";
import { LIBRARY_PROTOS, ownFolders } from "./own-folders.ts";

/** What libraries written as CommonJS expect in each file. */
const COMMON_JS = `import { createRequire as requireOf } from "node:module";
const require = requireOf(import.meta.url);
const __dirname = import.meta.dirname;`;

/** How the code of the package is written. */
export const OUTPUT = {
  bundle: true,
  format: "esm",
  platform: "node",
  target: "node24",
  // The text of each file stays in memory. Lines are short, because an uncaught error shows its line.
  minifyWhitespace: true,
  lineLimit: 120,
  sourcemap: true,
  sourcesContent: false,
  inject: [join(import.meta.dirname, "mapped-traces.ts")],
  logLevel: "warning",
} satisfies BuildOptions;

/**
 * Bundles the service and its threads with all packages except the `optional` ones into `lib`, and lists the
 * bundled packages in `sbom.cdx.json`. Each command stays a file of its own, which is read only when it is called.
 */
export async function bundle(checkout: string, folder: string, optional: readonly string[]): Promise<void> {
  const { outputFiles } = await build({
    ...OUTPUT,
    absWorkingDir: checkout,
    entryPoints: {
      main: "src/main.ts",
      "audit-thread": "src/audit-thread/entry.ts",
      "state-thread": "src/state-thread/entry.ts",
      "verify-thread": "src/verify-thread/entry.ts",
    },
    // As in the package, beside src: the source maps name their sources from here, wherever the package is made.
    outdir: "lib",
    write: false,
    splitting: true,
    banner: { js: COMMON_JS },
    external: ["#package.json", ...optional],
    plugins: [
      ownFolders,
      cyclonedxEsbuildPlugin({
        outputFile: join(folder, "sbom.cdx.json"),
        outputReproducible: true,
        gatherLicenseTexts: true,
        validate: true,
      }),
    ],
  });
  mkdirSync(join(folder, "lib"));
  for (const { path, contents } of outputFiles) writeFileSync(join(folder, relative(checkout, path)), contents);
  for (const protos of LIBRARY_PROTOS)
    cpSync(join(checkout, "node_modules", protos), join(folder, "lib/packages", protos), { recursive: true });
}
