/**
 * Usage: make manifests
 * Writes what is generated below deploy/: the schema of the chart's value `config`, and the plain manifests.
 */
import { execFileSync } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { CHART, plainManifests, valuesSchema } from "./chart.ts";

const MANIFESTS = new URL("../deploy/kubernetes/", import.meta.url).pathname;
const TOOLS = new URL("tools.sh", import.meta.url).pathname;
const helm = execFileSync(TOOLS, ["helm"], {
  encoding: "utf8",
  stdio: ["ignore", "pipe", "inherit"],
}).trim();

const schema = join(CHART, "values.schema.json");
await writeFile(schema, JSON.stringify(await valuesSchema()));
execFileSync("biome", ["format", "--write", schema], { stdio: "inherit" });
for (const name of ["development.yaml", "three-replicas.yaml"])
  await writeFile(join(MANIFESTS, name), await plainManifests(helm, join(CHART, "ci", name)));
