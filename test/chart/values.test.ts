import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import test from "ava";
import { parse, stringify } from "yaml";
import { CHART, renderChart, valuesSchema, withChart } from "../../scripts/chart.ts";
import { isObject } from "../../src/schema/object-schema.ts";
import { filesIn } from "../support/files/config-files.ts";
import { helm, testWithHelm, valuesFile } from "./rendered.ts";

type Schema = Readonly<Record<string, unknown>>;

const TEXT = readFileSync(join(CHART, "values.yaml"), "utf8");
const VALUES: Schema = parse(TEXT);
const SCHEMA = JSON.parse(readFileSync(join(CHART, "values.schema.json"), "utf8")) as Schema;

/** Its values are those of another chart, which Helm checks against the schema of that chart. */
const OTHER_CHART = "natsServer";
/** Signet's own configuration, whose keys have their defaults in Signet. */
const OWN_CONFIG = "config";
/** What Helm itself adds. */
const OF_HELM = "global";

/** The paths of all values, where an object without properties of its own in the schema is one value. */
function pathsIn(values: Schema, schema: Schema, path = ""): string[] {
  return Object.entries(values).flatMap(([name, value]) => {
    const full = path === "" ? name : `${path}.${name}`;
    const inner = propertiesOf(schema)[name];
    const isLeaf = [OTHER_CHART, OWN_CONFIG].includes(full) || !isObject(value) || propertiesOf(inner) === NONE;
    return isLeaf ? [full] : pathsIn(value, inner as Schema, full);
  });
}

const NONE: Schema = {};

function propertiesOf(schema: unknown): Schema {
  if (!isObject(schema)) return NONE;
  const { $ref: reference } = schema;
  if (typeof reference === "string")
    return propertiesOf((SCHEMA.definitions as Schema)[reference.replace("#/definitions/", "")]);
  return isObject(schema.properties) ? schema.properties : NONE;
}

/** The paths of all properties of the schema. */
function schemaPaths(schema: Schema, path = ""): string[] {
  return Object.entries(propertiesOf(schema)).flatMap(([name, inner]) => {
    const full = path === "" ? name : `${path}.${name}`;
    if (full === OF_HELM) return [];
    const isLeaf = [OTHER_CHART, OWN_CONFIG].includes(full) || propertiesOf(inner) === NONE;
    return isLeaf ? [full] : schemaPaths(inner as Schema, full);
  });
}

/** Amounts that have no default on purpose: a limit of CPU would slow down a replica that has work. */
const WITHOUT_DEFAULT = [
  "resources.requests.ephemeral-storage",
  "resources.limits.cpu",
  "resources.limits.ephemeral-storage",
];

test("the values and their schema have the same names", (t) => {
  const inSchema = schemaPaths(SCHEMA).filter((path) => !WITHOUT_DEFAULT.includes(path));
  t.deepEqual(pathsIn(VALUES, SCHEMA).toSorted(), inSchema.toSorted());
  t.true(inSchema.length > 60);
});

/** The objects of a schema that take names that they do not list, by their paths. */
function openObjects(schema: unknown, path: string): string[] {
  if (Array.isArray(schema)) return schema.flatMap((item, at) => openObjects(item, `${path}[${at}]`));
  if (!isObject(schema)) return [];
  const inner = Object.entries(schema).flatMap(([name, value]) => openObjects(value, `${path}.${name}`));
  return schema.type === "object" && (schema.additionalProperties ?? true) === true ? [path, ...inner] : inner;
}

test("every object of the schema is closed, or a map of texts", (t) => {
  t.deepEqual(openObjects(SCHEMA, ""), [`.properties.${OTHER_CHART}`, `.properties.${OF_HELM}`]);
});

test("the schema of config is that of Signet's configuration without the keys that the chart sets", async (t) => {
  t.deepEqual<unknown, unknown>(SCHEMA, await valuesSchema(), "run: make manifests");
  const { config } = SCHEMA.properties as { config: { properties: Record<string, { properties: object }> } };
  t.true("spool_max_bytes" in (config.properties.audit?.properties ?? {}));
  t.false("kek" in config.properties);
  t.false("url" in (config.properties.nats?.properties ?? {}));
});

test("every value has a comment", (t) => {
  const [own = ""] = TEXT.split(/^(?=natsServer:)/m);
  const isValue = (line: string) => /^ *\w+: \S/.test(line) && !/^ *(?:cpu|memory|grafana_dashboard):/.test(line);
  const bare = own.split("\n").filter((line, at, lines) => isValue(line) && !/^ *#/.test(lines[at - 1] ?? ""));
  t.deepEqual(bare, []);
});

/** A value that nobody knows in each object of the values. */
function withUnknown(values: Schema, schema: Schema): Schema {
  const entries = Object.entries(values).map(([name, value]) => {
    const inner = propertiesOf(schema)[name];
    const isClosed = isObject(value) && name !== OTHER_CHART && propertiesOf(inner) !== NONE;
    return [name, isClosed ? withUnknown(value, inner as Schema) : value];
  });
  return { ...Object.fromEntries(entries), unknown: 1 };
}

testWithHelm("Helm refuses unknown values in every section", async (t) => {
  const folder = await filesIn(t, { "values.yaml": stringify(withUnknown(VALUES, SCHEMA)) });
  const { stderr } = await t.throwsAsync<Error & { stderr: string }>(
    renderChart(helm, ["--values", valuesFile("development"), "--values", join(folder, "values.yaml")]),
  );
  const sections = [...stderr.matchAll(/^- (\S+): Additional property unknown is not allowed$/gm)].map(([, at]) => at);
  const expected = pathsIn(VALUES, SCHEMA).flatMap((path) =>
    path
      .split(".")
      .slice(0, -1)
      .map((_, at, all) => all.slice(0, at + 1).join(".")),
  );
  t.deepEqual(sections.toSorted(), [...new Set([...expected, OWN_CONFIG, "(root)"])].toSorted());
});

testWithHelm("Helm refuses keys of the configuration that are unknown, or that the chart sets", async (t) => {
  const refused = async (set: string, message: string) => {
    const { stderr } = await t.throwsAsync<Error & { stderr: string }>(
      renderChart(helm, ["--values", valuesFile("development"), "--set", set]),
    );
    t.true(stderr.includes(message), stderr);
  };
  await refused("config.rotation.perod=1h", "- config.rotation: Additional property perod is not allowed");
  await refused("config.kek.file=/run/kek", "- config: Additional property kek is not allowed");
  await refused(
    "config.rotation.period=abc",
    "config.rotation.period: Does not match pattern '^[0-9]{1,12}(ms|s|m|h|d)$'",
  );
  await refused("config.grpc.address=0.0.0.0:1", "- config.grpc: Additional property address is not allowed");
});

/** The rule by which the chart of NATS names its objects. */
const NATS_NAME = `{{ $name := default .Chart.Name .Values.nameOverride }}
kind: ConfigMap
metadata: { name: {{ printf "%s-%s" .Release.Name $name }} }
`;

testWithHelm("the objects of the chart of NATS have names that Kubernetes takes", async (t) => {
  const namedWith = (...changes: string[]) =>
    withChart(async (chart) => {
      await mkdir(join(chart, "charts/nats/templates"));
      await writeFile(join(chart, "charts/nats/templates/named.yaml"), NATS_NAME);
      const args = ["template", "signet", chart, "--values", valuesFile("everything"), ...changes];
      const { stdout } = await promisify(execFile)(helm, args);
      return /name: (signet-nats.*) }$/m.exec(stdout)?.[1];
    });
  t.is(await namedWith(), "signet-nats");
  t.is(await namedWith("--set", "natsServer.nameOverride="), "signet-natsServer", "negative control");
});

testWithHelm("values that do not fit together are refused, all at once", async (t) => {
  const changes = "replicas=3,backup.enabled=true,issuer=,image.repository=,grpc.tls.source=files,kek.previousKey=old";
  const { stderr } = await t.throwsAsync<Error & { stderr: string }>(
    renderChart(helm, ["--values", valuesFile("development"), "--set", changes]),
  );
  t.deepEqual(stderr.match(/^- .*$/gm), [
    "- image.repository must be where the image was pushed",
    "- issuer must be the URL by which verifiers know this installation",
    "- replicas must be 1 where state.store is file",
    "- backup.enabled needs state.store: nats",
    "- kek.previousKey needs kek.secretName",
    "- grpc.tls.secretName must be set where grpc.tls.source is files",
    "- policy must be set where grpc.tls.source is not empty",
  ]);
});

/** The faults that Helm reports of the values for three replicas with changes. */
async function faultsWith(changes: Readonly<Record<string, string>>): Promise<readonly string[]> {
  const set = Object.entries(changes).flatMap(([path, value]) => [
    "--set",
    `${path}=${value.startsWith("{") ? value : value.replaceAll(",", "\\,")}`,
  ]);
  const rendered = renderChart(helm, ["--values", valuesFile("three-replicas"), ...set]);
  const stderr = await rendered.then(
    () => "",
    (error: { readonly stderr: string }) => error.stderr,
  );
  return stderr.match(/^- .*$/gm) ?? [];
}

testWithHelm("values that Signet or Kubernetes would refuse are refused before, all at once", async (t) => {
  const odd = {
    fullnameOverride: "Foo_Bar",
    "image.repository": "registry.example/My signet",
    "image.tag": "a b",
    "nats.url": "http://nats:4222",
    "grpc.port": "9464",
    "kek.previousKey": "kek",
    "backup.schedule": "99 99 * * *",
  };
  t.deepEqual(await faultsWith(odd), [
    "- fullnameOverride must give a DNS label: a-z, 0-9 and -, from a letter to a letter or digit",
    "- image.repository must be in small letters and have no tag, such as registry.example.com/signet",
    "- image.tag must be 1 to 128 of A-Z a-z 0-9 _ . - that begin with none of . and -",
    "- nats.url must be tls://HOST:PORT or nats://HOST:PORT without user and password, several of one kind with commas",
    "- grpc.port, http.port and probes.port must differ",
    "- kek.previousKey must not be kek.key",
    "- backup.schedule must be five fields of cron, such as 17 3 * * *",
  ]);
  const right = {
    fullnameOverride: "foo-bar1",
    "image.repository": "localhost:5000/my/signet__a-b",
    "image.tag": "v1.0_rc-1",
    "nats.url": "nats://[::1]:65535,nats://nats.signet.svc:1",
    "grpc.port": "9465",
    "kek.previousKey": "before",
    "backup.schedule": "*/15 3-5,7 1 JAN mon-fri",
  };
  t.deepEqual(await faultsWith(right), [], "negative control");
});

testWithHelm("an archiver needs the logs to trust, and credentials that are not those of the replicas", async (t) => {
  const archive = { "archive.enabled": "true", "archive.schedule": "daily", "archive.secretName": "signet-nats" };
  t.deepEqual(await faultsWith(archive), [
    "- archive.schedule must be five fields of cron, such as 47 2 * * *",
    "- archive.policy must be what signet audit keys prints",
    "- archive.secretName must be a Secret of its own, with the user of NATS that may trim the stream",
  ]);
  const right = { "archive.enabled": "true", "archive.policy": "quorum none", "archive.secretName": "signet-archiver" };
  t.deepEqual(await faultsWith(right), [], "negative control");
});

testWithHelm("a replica whose log is to be closed must be scaled away, and its volume still be there", async (t) => {
  t.deepEqual(await faultsWith({ closedReplicas: "{1,3}", "persistence.whenScaled": "Delete" }), [
    "- closedReplicas must be scaled away: replica 1 runs",
    "- closedReplicas needs persistence.whenScaled: Retain, else their volumes are gone",
  ]);
  t.deepEqual(await faultsWith({ closedReplicas: "{3}" }), [], "negative control");
});

for (const url of ["tls://nats", "tls://nats:0", "tls://nats:65536", "tls://a:1,nats://b:1", "tls://user:word@nats:1"])
  testWithHelm(`a nats.url is refused that gives Signet no server, or the NetworkPolicy no port: ${url}`, async (t) => {
    t.regex((await faultsWith({ "nats.url": url })).join(), /^- nats\.url must be [^\n]*$/);
  });
