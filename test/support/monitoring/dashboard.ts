import { readFileSync } from "node:fs";
import { join } from "node:path";
import { MONITORING } from "./rules.ts";

export interface Panel {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly description?: string;
  readonly gridPos: { readonly h: number; readonly w: number; readonly x: number; readonly y: number };
  readonly datasource?: { readonly type: string; readonly uid: string };
  readonly fieldConfig?: { readonly defaults: { readonly unit?: string } };
  readonly targets?: readonly { readonly refId: string; readonly expr: string; readonly legendFormat: string }[];
}

export interface Dashboard {
  readonly uid: string;
  readonly schemaVersion: number;
  readonly templating: { readonly list: readonly { readonly name: string; readonly type: string }[] };
  readonly panels: readonly Panel[];
}

export function readDashboard(): Dashboard {
  return JSON.parse(readFileSync(join(MONITORING, "dashboard.json"), "utf8")) as Dashboard;
}

/** The query as Grafana sends it when everything is selected, with rates over the last 15 s. */
export function substituted(expr: string): string {
  return expr.replaceAll(/\$(?:job|instance)\b/g, ".*").replaceAll("$__rate_interval", "15s");
}
