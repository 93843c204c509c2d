import { Registry } from "prom-client";

/** A scrape's answer. */
export interface Exposition {
  readonly contentType: string;
  readonly body: string;
}

/**
 * The metrics in the format that a scraper prefers: OpenMetrics 1.0 where `accept` (RFC 9110, 12.5.1) names it, else
 * the text format of Prometheus, which every scraper reads.
 */
export async function exposition(registry: Registry, accept: string): Promise<Exposition> {
  const text = await registry.metrics();
  if (!prefersOpenMetrics(accept)) return { contentType: Registry.PROMETHEUS_CONTENT_TYPE, body: text };
  return { contentType: Registry.OPENMETRICS_CONTENT_TYPE, body: openMetricsOf(text) };
}

/** Parameters that this version does not know, such as Prometheus's `escaping`, change nothing. */
function prefersOpenMetrics(accept: string): boolean {
  const ranges = accept.split(",").map((range) => {
    const [type = "", ...parameters] = range.split(";").map((part) => part.trim().toLowerCase());
    const parameter = (name: string) => parameters.find((each) => each.startsWith(`${name}=`))?.slice(name.length + 1);
    return { type, version: parameter("version") ?? "", quality: Number(parameter("q") ?? 1) };
  });
  const best = (types: readonly string[], versions: readonly string[]): number =>
    Math.max(
      0,
      ...ranges
        .filter(({ type, version }) => types.includes(type) && versions.includes(version))
        .map(({ quality }) => quality),
    );
  const openMetrics = best(["application/openmetrics-text"], ["", "1.0.0"]);
  return openMetrics > 0 && openMetrics >= best(["text/plain", "text/*"], ["", "0.0.4"]);
}

/**
 * The same in OpenMetrics: the family of a counter has no `_total`, bounds of buckets are floats, and an end is marked.
 * The library's own OpenMetrics would rename the counters for good, also for scrapers of the text format.
 */
function openMetricsOf(text: string): string {
  const lines = text
    .trimEnd()
    .split("\n")
    .filter((line) => line !== "");
  const counters = new Set(lines.flatMap((line) => /^# TYPE (\S+)_total counter$/.exec(line)?.[1] ?? []));
  const renamed = lines.map((line) => {
    const [, comment = "", name = "", rest = ""] = /^(# (?:HELP|TYPE) )(\S+)_total( .*)$/.exec(line) ?? [];
    if (counters.has(name)) return comment + name + rest;
    return line.replace(/([{,]le="\d+)"/, '$1.0"');
  });
  return `${renamed.join("\n")}\n# EOF\n`;
}
