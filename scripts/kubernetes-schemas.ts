/**
 * Usage: node scripts/kubernetes-schemas.ts
 * Writes test/chart/schemas/: what kubeconform checks the rendered manifests against. They are derived from the OpenAPI
 * document of Kubernetes and from the CRDs of the Prometheus operator, both under the Apache License 2.0, which the Go
 * module proxy has. Texts are left out, and objects are closed: a misspelt field is a fault.
 */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { mkdir, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parse } from "yaml";
import { isObject } from "../src/schema/object-schema.ts";

const FOLDER = new URL("../test/chart/schemas/", import.meta.url).pathname;
const DEFINITIONS = "definitions.json";

const KUBERNETES = "k8s.io/kubernetes@v1.36.3";
const OPERATOR = "github.com/prometheus-operator/prometheus-operator@v0.85.0";

/** The kinds that the chart renders, as `group/version/Kind`; the core group is empty. */
const KINDS = [
  "/v1/ConfigMap",
  "/v1/PersistentVolumeClaim",
  "/v1/Pod",
  "/v1/Service",
  "/v1/ServiceAccount",
  "apps/v1/StatefulSet",
  "batch/v1/CronJob",
  "batch/v1/Job",
  "networking.k8s.io/v1/NetworkPolicy",
  "policy/v1/PodDisruptionBudget",
];
const CUSTOM_KINDS = ["servicemonitors", "prometheusrules"];

type Schema = Readonly<Record<string, unknown>>;

/** Downloads a module without its dependencies. Returns its folder. */
function moduleFolder(module: string): string {
  const answer = execFileSync("go", ["mod", "download", "-json", module], { cwd: tmpdir(), encoding: "utf8" });
  return (JSON.parse(answer) as { Dir: string }).Dir;
}

/** The schema in the dialect of kubeconform: closed, without texts and extensions. */
function strict(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(strict);
  if (!isObject(schema)) return schema;
  if (schema["x-kubernetes-int-or-string"] === true || schema.format === "int-or-string")
    return { type: ["integer", "string"] };
  const { $ref: reference } = schema;
  if (typeof reference === "string") return { $ref: reference.replace(/^#/, `${DEFINITIONS}#`) };
  const { properties, ...rest } = schema;
  const kept = Object.entries(rest).filter(([name]) => !/^(description|default|format|x-.*)$/.test(name));
  const own = Object.fromEntries(kept.map(([name, value]) => [name, name === "required" ? value : strict(value)]));
  if (!isObject(properties)) return own;
  const inner = Object.fromEntries(Object.entries(properties).map(([name, value]) => [name, strict(value)]));
  const isOpen = schema["x-kubernetes-preserve-unknown-fields"] === true;
  return { additionalProperties: isOpen, ...own, properties: inner };
}

/** The names of the definitions that a schema needs, with those that they need. */
function reachable(schema: unknown, definitions: Schema, found = new Set<string>()): Set<string> {
  for (const [, name = ""] of JSON.stringify(schema).matchAll(/"#\/definitions\/([^"]+)"/g)) {
    if (found.has(name)) continue;
    found.add(name);
    reachable(definitions[name], definitions, found);
  }
  return found;
}

function definitionOf(kind: string, definitions: Schema): readonly [string, unknown] {
  const isThis = (schema: unknown) =>
    isObject(schema) &&
    ((schema["x-kubernetes-group-version-kind"] ?? []) as readonly Record<string, string>[]).some(
      (known) => `${known.group}/${known.version}/${known.kind}` === kind,
    );
  const found = Object.entries(definitions).find(([, schema]) => isThis(schema));
  if (found === undefined) throw new Error(`${KUBERNETES} does not define ${kind}`);
  return found;
}

/** As kubeconform names it: `statefulset-apps-v1.json`. */
function fileOf(group: string, version: string, kind: string): string {
  return [kind, group.split(".")[0], version].filter(Boolean).join("-").toLowerCase().concat(".json");
}

function write(name: string, schema: unknown): Promise<void> {
  return writeFile(join(FOLDER, name), `${JSON.stringify(schema)}\n`);
}

async function writeKubernetes(): Promise<void> {
  const path = join(moduleFolder(KUBERNETES), "api/openapi-spec/swagger.json");
  const { definitions } = JSON.parse(readFileSync(path, "utf8")) as { definitions: Schema };
  const roots = KINDS.map((kind) => [kind, ...definitionOf(kind, definitions)] as const);
  const names = reachable(
    Object.fromEntries(roots.map(([, name]) => [name, { $ref: `#/definitions/${name}` }])),
    definitions,
  );
  const needed = [...names].sort().map((name) => [name, strict(definitions[name])]);
  await write(DEFINITIONS, { definitions: Object.fromEntries(needed) });
  for (const [kind, name] of roots) {
    const [group = "", version = "", word = ""] = kind.split("/");
    await write(fileOf(group, version, word), { $ref: `${DEFINITIONS}#/definitions/${name}` });
  }
}

async function writeOperator(): Promise<void> {
  const folder = join(moduleFolder(OPERATOR), "example/prometheus-operator-crd");
  for (const plural of CUSTOM_KINDS) {
    const text = readFileSync(join(folder, `monitoring.coreos.com_${plural}.yaml`), "utf8");
    const { group, names, versions } = parse(text).spec;
    for (const { name, schema } of versions)
      await write(fileOf(group, name, names.kind), strict(schema.openAPIV3Schema));
  }
}

await mkdir(FOLDER, { recursive: true });
for (const name of await readdir(FOLDER)) if (name.endsWith(".json")) await rm(join(FOLDER, name));
await writeKubernetes();
await writeOperator();
