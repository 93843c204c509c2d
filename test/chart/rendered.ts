import { join } from "node:path";
import type { ExecutionContext } from "ava";
import { parseAllDocuments } from "yaml";
import { CHART, renderChart } from "../../scripts/chart.ts";
import { findTool } from "../support/service/find-tool.ts";
import { testWithTools } from "../support/service/with-tools.ts";

/** The sets of values for which the chart is tested. */
export const VALUE_SETS = ["development", "three-replicas", "spiffe", "everything"] as const;

type ValueSet = (typeof VALUE_SETS)[number];

/** What the tests read of a manifest. */
export interface Manifest {
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly labels: Readonly<Record<string, string>> };
  readonly spec: Readonly<Record<string, unknown>>;
  readonly data: Readonly<Record<string, string>>;
}

/** What the tests read of the specification of a pod. */
export interface PodSpec {
  readonly automountServiceAccountToken: boolean;
  readonly terminationGracePeriodSeconds: number;
  readonly securityContext: { readonly runAsUser: number; readonly runAsGroup: number; readonly fsGroup: number };
  readonly containers: readonly [Container];
  readonly volumes?: readonly Volume[];
}

interface Container {
  readonly image: string;
  readonly args: readonly string[];
  readonly env?: readonly { readonly name: string; readonly value?: string }[];
  readonly volumeMounts?: readonly { readonly name: string; readonly mountPath: string; readonly readOnly?: boolean }[];
  readonly securityContext: object;
}

export interface Volume {
  readonly name: string;
  readonly secret?: Projected & { readonly secretName: string };
  readonly configMap?: Projected & { readonly name: string };
}

interface Projected {
  readonly defaultMode?: number;
  readonly items?: readonly { readonly key: string; readonly path: string }[];
}

export const helm = findTool("helm") ?? "";

/** A test that needs Helm. */
export function testWithHelm(title: string, run: (t: ExecutionContext) => Promise<void>): void {
  testWithTools(["helm"], title, run);
}

export function valuesFile(set: ValueSet): string {
  return join(CHART, "ci", `${set}.yaml`);
}

const rendered = new Map<string, Promise<string>>();

/** The text that Helm renders from a set of values, with changes such as `replicas=5`. Once for each of them. */
export function renderText(set: ValueSet, changes: readonly string[] = []): Promise<string> {
  const sets = changes.flatMap((change) => ["--set", change]);
  const key = [set, ...changes].join(" ");
  const text = rendered.get(key) ?? renderChart(helm, ["--values", valuesFile(set), ...sets]);
  rendered.set(key, text);
  return text;
}

/** The manifests in {@link renderText}. */
export async function render(set: ValueSet, changes: readonly string[] = []): Promise<Manifest[]> {
  const documents = parseAllDocuments(await renderText(set, changes));
  return documents.map((document) => document.toJS() as Manifest);
}

/** The only manifest of a kind, or the one with a name. */
export function only(manifests: readonly Manifest[], kind: string, name?: string): Manifest {
  const found = manifests.filter((one) => one.kind === kind && (name === undefined || one.metadata.name === name));
  const [manifest] = found;
  if (manifest === undefined || found.length > 1) throw new Error(`there are ${found.length} of ${kind} ${name ?? ""}`);
  return manifest;
}

interface Template {
  readonly template: { readonly metadata: { readonly annotations: Record<string, string> }; readonly spec: PodSpec };
}

/** The template of the replicas' pods. */
export function replicaTemplate(manifests: readonly Manifest[]): Template["template"] {
  return (only(manifests, "StatefulSet").spec as unknown as Template).template;
}

/** The specification of the pods of the only CronJob. */
export function cronPod(manifests: readonly Manifest[]): PodSpec {
  const { jobTemplate } = only(manifests, "CronJob").spec as { readonly jobTemplate: { readonly spec: Template } };
  return jobTemplate.spec.template.spec;
}

/** The specification of the pod of a Job. */
export function jobPod(manifests: readonly Manifest[], name?: string): PodSpec {
  return (only(manifests, "Job", name).spec as unknown as Template).template.spec;
}

/** The text of `signet.yaml`. */
export function configText(manifests: readonly Manifest[]): string {
  const found = manifests.find(({ kind, data }) => kind === "ConfigMap" && data["signet.yaml"] !== undefined);
  return found?.data["signet.yaml"] ?? "";
}
