import { execFile } from "node:child_process";
import { once } from "node:events";
import { readFile, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { promisify } from "node:util";
import type { ExecutionContext } from "ava";
import test from "ava";
import { parse, stringify } from "yaml";
import packageJson from "../../package.json" with { type: "json" };
import { CHART, plainManifests, withChart } from "../../scripts/chart.ts";
import type { Config } from "../../src/config/config.ts";
import { loadConfig } from "../../src/config/load.ts";
import { filesIn } from "../support/files/config-files.ts";
import { giveInput } from "../support/give-input.ts";
import { alertsIn, readAlerts } from "../support/monitoring/rules.ts";
import { findTool } from "../support/service/find-tool.ts";
import { testWithTools } from "../support/service/with-tools.ts";
import {
  configText,
  cronPod,
  helm,
  jobPod,
  type Manifest,
  only,
  type PodSpec,
  render,
  renderText,
  replicaTemplate,
  testWithHelm,
  VALUE_SETS,
  valuesFile,
} from "./rendered.ts";

const run = promisify(execFile);
const SCHEMAS = join(import.meta.dirname, "schemas", "{{.ResourceKind}}{{.KindSuffix}}.json");

const kubeconform = (text: string) => {
  const checked = run(findTool("kubeconform") ?? "", ["-strict", "-summary", "-schema-location", SCHEMAS]);
  giveInput(checked.child, text);
  return checked;
};

test("the chart has the version of the package", async (t) => {
  const chart = parse(await readFile(join(CHART, "Chart.yaml"), "utf8"));
  t.is(chart.version, packageJson.version);
  t.is(chart.appVersion, packageJson.version);
});

for (const set of VALUE_SETS) {
  testWithHelm(`Helm finds nothing to complain about with the values ${set}`, async (t) => {
    const { stdout } = await withChart((chart) => run(helm, ["lint", "--strict", chart, "--values", valuesFile(set)]));
    t.regex(stdout, /1 chart\(s\) linted, 0 chart\(s\) failed/);
  });

  testWithTools(["helm", "kubeconform"], `the manifests of ${set} are valid for Kubernetes`, async (t) => {
    const rendered = await renderText(set);
    const { stdout } = await kubeconform(rendered);
    t.regex(stdout, /Invalid: 0, Errors: 0, Skipped: 0/);
    const misspelt = rendered.replace("fsGroup:", "fsGroop:");
    const { stdout: found } = await t.throwsAsync<Error & { stdout: string }>(async () => await kubeconform(misspelt));
    t.regex(found, /additional properties 'fsGroop' not allowed/);
  });

  testWithHelm(`Signet accepts the configuration of ${set}`, async (t) => {
    const manifests = await render(set);
    const config = await configOf(t, manifests);
    const template = replicaTemplate(manifests);
    t.deepEqual(config.warnings, []);
    t.true(template.spec.terminationGracePeriodSeconds * 1000 > config.drainMs + config.graceMs + 1000);
    t.deepEqual(template.spec.containers[0].args, ["serve", "--config", "/etc/signet/config/signet.yaml"]);
  });

  testWithHelm(
    `every file that the configuration of ${set} names is mounted, and no key of a Secret beside`,
    async (t) => {
      const manifests = await render(set);
      const named = namedFiles(configText(manifests));
      const pods = [replicaTemplate(manifests).spec, ...(set === "everything" ? [cronPod(manifests)] : [])];
      for (const pod of pods) {
        const mounted = mountedFiles(manifests, pod);
        t.deepEqual(
          named.filter((path) => !mounted.has(path)),
          [],
        );
        const extra = [...mounted.keys()].filter((path) => path.startsWith("/run/signet/") && !named.includes(path));
        t.deepEqual(extra, []);
      }
    },
  );

  testWithHelm(`the pods of ${set} have no rights that they do not need`, async (t) => {
    const manifests = await render(set);
    const pods = [replicaTemplate(manifests).spec, only(manifests, "Pod").spec as unknown as PodSpec];
    if (set === "everything") pods.push(cronPod(manifests));
    for (const pod of pods) {
      t.like(pod, {
        automountServiceAccountToken: false,
        enableServiceLinks: false,
        securityContext: {
          runAsNonRoot: true,
          runAsUser: 65532,
          fsGroup: 65532,
          seccompProfile: { type: "RuntimeDefault" },
        },
      });
      t.deepEqual<object, object>(pod.containers[0].securityContext, {
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        capabilities: { drop: ["ALL"] },
      });
      for (const { secret } of pod.volumes ?? []) t.is(secret?.defaultMode ?? 0o400, 0o400);
      const written = (pod.containers[0].volumeMounts ?? []).filter(({ readOnly }) => readOnly !== true);
      t.true(written.every(({ name }) => ["data", "backup"].includes(name)));
    }
  });

  testWithHelm(`nobody reaches ${set} in plaintext beyond the pod, save the probes`, async (t) => {
    const manifests = await render(set);
    const config = await configOf(t, manifests);
    for (const { address, tls } of [config.grpc, config.http])
      t.is(address.startsWith("127.0.0.1:"), tls === undefined);
    const ports = manifests.filter(({ kind }) => kind === "Service").flatMap(({ spec }) => spec.ports as Port[]);
    const secure = [config.grpc, config.http]
      .filter(({ tls }) => tls !== undefined)
      .map(({ address }) => portOf(address));
    for (const { port } of ports) t.true([...secure, portOf(config.http.internalAddress ?? "")].includes(port));
  });
}

interface Port {
  readonly port: number;
}

function portOf(address: string): number {
  return Number(address.slice(address.lastIndexOf(":") + 1));
}

/** Loads the configuration as the pod does, with the files of its ConfigMaps in a folder of the test. */
async function configOf(t: ExecutionContext, manifests: readonly Manifest[]): Promise<Config> {
  const folder = await filesIn(t, {});
  const pod = replicaTemplate(manifests).spec;
  const texts = [...mountedFiles(manifests, pod)].filter(([path]) => path.startsWith("/etc/signet/"));
  const here = (path: string) => path.replace(/^\/etc\/signet\//, `${folder}/`);
  for (const [path, content] of texts) {
    const moved = content.replaceAll("/etc/signet/", `${folder}/`);
    await run("mkdir", ["-p", join(here(path), "..")]);
    await writeFile(here(path), moved);
  }
  return loadConfig({ file: here("/etc/signet/config/signet.yaml"), env: {} });
}

/** The files that a pod has by its mounts, with the content of those from a ConfigMap. */
function mountedFiles(manifests: readonly Manifest[], pod: PodSpec): Map<string, string> {
  const files = new Map<string, string>();
  for (const { name, mountPath } of pod.containers[0].volumeMounts ?? []) {
    const volume = pod.volumes?.find((one) => one.name === name);
    if (volume?.configMap !== undefined) {
      const { data } = only(manifests, "ConfigMap", volume.configMap.name);
      for (const [key, content] of Object.entries(data)) files.set(join(mountPath, key), content);
    }
    for (const { path } of volume?.secret?.items ?? []) files.set(join(mountPath, path), "");
    if (name === "service-account") for (const path of ["token", "ca.crt"]) files.set(join(mountPath, path), "");
  }
  return files;
}

/** The paths of files in the configuration. The folder of the profiles, and the socket of SPIFFE, are none. */
function namedFiles(config: string): string[] {
  const paths = [...config.matchAll(/: (\/(?:etc|run)\/signet\/\S+)$/gm)].map(([, path = ""]) => path);
  return paths.filter((path) => path !== "/etc/signet/profiles");
}

testWithHelm("each replica has a volume of its own, which outlives it", async (t) => {
  const { spec } = only(await render("everything"), "StatefulSet");
  t.like(spec, {
    replicas: 5,
    podManagementPolicy: "Parallel",
    persistentVolumeClaimRetentionPolicy: { whenDeleted: "Retain", whenScaled: "Delete" },
  });
  const [claim, ...others] = spec.volumeClaimTemplates as { metadata: { name: string }; spec: object }[];
  t.deepEqual(others, []);
  t.is(claim?.metadata.name, "data");
  t.like(claim?.spec, { accessModes: ["ReadWriteOnce"], storageClassName: "fast" });
});

testWithHelm(
  "a change of the configuration or of a profile restarts the replicas, and one of a policy does not",
  async (t) => {
    const annotationOf = async (...changes: string[]) =>
      replicaTemplate(await render("everything", changes)).metadata.annotations["signet/checksum"];
    const before = await annotationOf();
    t.is(await annotationOf("policy=groups: {}"), before);
    t.not(await annotationOf("config.log.level=info"), before);
    t.not(await annotationOf("profiles.orders\\.yaml=profile: orders"), before);
  },
);

/** Whether a selector finds a pod or another object by these labels. */
function isSelected(selector: unknown, labels: Readonly<Record<string, string>>): boolean {
  return Object.entries(selector as Record<string, string>).every(([name, value]) => labels[name] === value);
}

testWithHelm(
  "the Services, the budget and the network policy select the replicas, and the budget nothing else",
  async (t) => {
    const manifests = await render("everything");
    const { labels } = replicaTemplate(manifests).metadata as unknown as Manifest["metadata"];
    const test = only(manifests, "Pod").metadata.labels;
    for (const name of ["tokens", "tokens-replicas"]) {
      const { selector } = only(manifests, "Service", name).spec;
      t.true(isSelected(selector, labels));
      t.false(isSelected(selector, test));
    }
    const budget = only(manifests, "PodDisruptionBudget").spec;
    t.true(isSelected((budget.selector as { matchLabels: object }).matchLabels, labels));
    t.false(isSelected((budget.selector as { matchLabels: object }).matchLabels, test));
    const { podSelector } = only(manifests, "NetworkPolicy").spec as { podSelector: { matchLabels: object } };
    t.true(isSelected(podSelector.matchLabels, labels));
    const monitor = only(manifests, "ServiceMonitor").spec as { selector: { matchLabels: object } };
    t.true(isSelected(monitor.selector.matchLabels, only(manifests, "Service", "tokens-replicas").metadata.labels));
  },
);

testWithHelm("the network policy lets the test of the chart ask the replicas, whoever else may", async (t) => {
  const others = ["clients", "monitoring"].map((who) => `networkPolicy.${who}[0].podSelector.matchLabels.app=shop`);
  for (const [set, port] of [
    ["three-replicas", "grpc"],
    ["spiffe", "probes"],
  ] as const) {
    const manifests = await render(set, others);
    const { ingress } = only(manifests, "NetworkPolicy").spec as unknown as { ingress: Ingress[] };
    const { labels } = only(manifests, "Pod").metadata;
    const open = ingress.filter(({ from }) => from.some((peer) => isSelected(peer.podSelector.matchLabels, labels)));
    t.deepEqual(
      open.map(({ ports }) => ports),
      [[{ port }]],
    );
  }
});

interface Ingress {
  readonly from: readonly { readonly podSelector: { readonly matchLabels: object } }[];
  readonly ports: readonly { readonly port: string }[];
}

testWithHelm("where gRPC can't be asked, the test of the chart succeeds when /readyz answers 200", async (t) => {
  const { containers } = only(await render("spiffe"), "Pod").spec as { containers: { command: string[] }[] };
  const [, ...words] = containers[0]?.command ?? [];
  t.is(words.pop(), "http://signet-0.signet-replicas.signet.svc:9464/readyz");
  let status = 200;
  const probe = createServer((_, answer) => void answer.writeHead(status).end());
  t.teardown(() => probe.close());
  await once(probe.listen(0, "127.0.0.1"), "listening");
  const { port } = probe.address() as AddressInfo;
  const ask = () => run(process.execPath, [...words, `http://127.0.0.1:${port}/readyz`]);
  await t.notThrowsAsync(ask());
  status = 503;
  t.is((await t.throwsAsync<Error & { code: number }>(ask())).code, 1);
});

const CLOSED = ["replicas=2", "closedReplicas={2,12}"];

testWithTools(
  ["helm", "kubeconform"],
  "a replica that was scaled away gets a Job, after the update, that closes the log in its volume",
  async (t) => {
    const { stdout } = await kubeconform(await renderText("three-replicas", CLOSED));
    t.regex(stdout, /Invalid: 0, Errors: 0, Skipped: 0/);
    const manifests = await render("three-replicas", CLOSED);
    const named = namedFiles(configText(manifests));
    for (const number of [2, 12]) {
      const { metadata } = only(manifests, "Job", `signet-close-${number}`);
      t.like(metadata, { annotations: { "helm.sh/hook": "post-install,post-upgrade" } });
      const pod = jobPod(manifests, `signet-close-${number}`);
      t.deepEqual(pod.containers[0].args, ["audit", "close", "--config", "/etc/signet/config/signet.yaml"]);
      t.like(
        pod.volumes?.find(({ name }) => name === "data"),
        { persistentVolumeClaim: { claimName: `data-signet-${number}` } } as object,
      );
      const mounted = mountedFiles(manifests, pod);
      t.deepEqual(
        named.filter((path) => !mounted.has(path)),
        [],
      );
      t.like(pod, replicaRights(manifests));
    }
    t.is((await render("three-replicas")).filter(({ kind }) => kind === "Job").length, 0, "none by default");
  },
);

const ARCHIVED = ["archive.enabled=true", "archive.secretName=signet-archiver", "archive.policy=quorum none"];

testWithTools(
  ["helm", "kubeconform"],
  "the archiver has the policy, a volume, and credentials of its own, and no other Secret of the replicas",
  async (t) => {
    const { stdout } = await kubeconform(await renderText("three-replicas", ARCHIVED));
    t.regex(stdout, /Invalid: 0, Errors: 0, Skipped: 0/);
    const manifests = await render("three-replicas", ARCHIVED);
    const pod = cronPod(manifests);
    const { args, env = [] } = pod.containers[0];
    t.deepEqual(args.slice(0, 3), ["audit", "archive", "--json"]);
    const mounted = mountedFiles(manifests, pod);
    const named = [...args, ...env.map(({ value = "" }) => value)].filter((text) => /^\/(?:etc|run)\//.test(text));
    t.deepEqual(named.toSorted(), [...mounted.keys()].toSorted(), "each file that is named, and nothing else");
    t.is(mounted.get("/etc/signet/archive/audit.policy"), "quorum none");
    t.deepEqual((pod.volumes ?? []).flatMap(({ secret }) => secret?.secretName ?? []).toSorted(), [
      "signet-archiver",
      "signet-nats-ca",
    ]);
    t.like(pod, replicaRights(manifests));
    const written = (pod.containers[0].volumeMounts ?? []).filter(({ readOnly }) => readOnly !== true);
    t.deepEqual(
      written.map(({ name }) => name),
      ["archive"],
    );
    const claim = only(manifests, "PersistentVolumeClaim", "signet-archive");
    t.like(claim.metadata, { annotations: { "helm.sh/resource-policy": "keep" } } as object);
    t.is((await render("three-replicas")).filter(({ kind }) => kind === "CronJob").length, 0, "none by default");
  },
);

/** What a pod has in common with those of the replicas: the same user, and no more rights. */
function replicaRights(manifests: readonly Manifest[]): object {
  const { automountServiceAccountToken, securityContext, containers } = replicaTemplate(manifests).spec;
  return {
    ...{ automountServiceAccountToken, securityContext },
    containers: [{ securityContext: containers[0].securityContext }],
  };
}

testWithHelm("a single replica has no budget, and what is switched off is not rendered", async (t) => {
  const kinds = (await render("development", ["networkPolicy.enabled=false", "helmTest.enabled=false"])).map(
    ({ kind }) => kind,
  );
  t.deepEqual(kinds.toSorted(), ["ConfigMap", "Service", "ServiceAccount", "StatefulSet"]);
});

for (const set of ["development", "three-replicas"] as const)
  testWithHelm(`the plain manifests of ${set} are those of the chart`, async (t) => {
    const written = await readFile(join(CHART, "../../kubernetes", `${set}.yaml`), "utf8");
    t.is(written, await plainManifests(helm, valuesFile(set)), "run: make manifests");
    t.false(/helm/i.test(written));
  });

testWithHelm("the alerts of the chart lead to the runbook at its address, which must be a URL", async (t) => {
  const at = (url: string) => render("everything", [`monitoring.prometheusRule.runbookUrl=${url}`]);
  const { spec } = only(await at("https://wiki.example/runbook"), "PrometheusRule");
  t.deepEqual(
    alertsIn(stringify(spec)).map(({ annotations }) => annotations.runbook_url),
    readAlerts().map(({ alert }) => `https://wiki.example/runbook#${alert.toLowerCase()}`),
  );
  const { stderr } = await t.throwsAsync<Error & { stderr: string }>(at("wiki: runbook"));
  t.regex(stderr, /monitoring\.prometheusRule\.runbookUrl: Does not match pattern/);
});

testWithHelm("the chart installs the alerts and the dashboard of deploy/monitoring", async (t) => {
  const manifests = await render("everything");
  const folder = join(CHART, "../../monitoring");
  t.deepEqual<unknown, unknown>(
    only(manifests, "PrometheusRule").spec,
    parse(await readFile(join(folder, "alerts.yaml"), "utf8")),
  );
  t.is(
    only(manifests, "ConfigMap", "tokens-dashboard").data["signet.json"],
    await readFile(join(folder, "dashboard.json"), "utf8"),
  );
});
