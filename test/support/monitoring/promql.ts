import type { DeclaredMetric } from "./declared-metrics.ts";

/** What Prometheus adds to each series of a target. */
const OF_TARGET = ["job", "instance"];

/** Labels by which an expression groups or matches. */
const LISTS = /\b(?:by|without|on|ignoring|group_left|group_right)\s*\(([^)]*)\)/g;

/**
 * The names of metrics, and labels, in an expression of PromQL that no metric has. `up` is Prometheus's own. A label of
 * a selector must be one of its metric, every other one a label of some metric of the expression.
 */
export function unknownNames(expression: string, declared: ReadonlyMap<string, DeclaredMetric>): string[] {
  const lists = [...expression.matchAll(LISTS)];
  const selectors = [
    ...expression.replace(LISTS, " ").matchAll(/\b((?:signet|rpc|process|nodejs)_\w+)(?:\{([^}]*)\})?/g),
  ];
  const all = new Set(OF_TARGET);
  const unknown: string[] = [];
  for (const [, name = "", matchers = ""] of selectors) {
    const labels = labelsOf(name, declared);
    if (labels === undefined) unknown.push(name);
    const known = [...OF_TARGET, ...(labels ?? [])];
    for (const label of known) all.add(label);
    const used = [...matchers.matchAll(/(\w+)\s*(?:=~|!~|!=|=)/g)].map(([, label = ""]) => label);
    unknown.push(...used.filter((label) => !known.includes(label)).map((label) => `${name}{${label}}`));
  }
  const grouped = lists.flatMap(([, list = ""]) => list.split(",").map((label) => label.trim()));
  return [...unknown, ...grouped.filter((label) => !all.has(label))];
}

/** The labels of the samples of this name; undefined if there are none. */
function labelsOf(sample: string, declared: ReadonlyMap<string, DeclaredMetric>): readonly string[] | undefined {
  const [, family = "", part] = /^(.*)_(bucket|sum|count)$/.exec(sample) ?? [];
  const histogram = declared.get(family);
  if (histogram?.type === "histogram") return part === "bucket" ? [...histogram.labels, "le"] : histogram.labels;
  const found = declared.get(sample);
  return found?.type === "histogram" ? undefined : found?.labels;
}
