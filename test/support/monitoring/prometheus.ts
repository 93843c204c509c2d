import { spawn } from "node:child_process";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { stringify } from "yaml";
import { tempFolder } from "../files/temp.ts";
import { freePort } from "../service/free-port.ts";
import { get } from "../service/get.ts";
import type { Ending } from "../service/shared.ts";
import { waitUntil } from "../wait-until.ts";
import { MONITORING } from "./rules.ts";

interface Series {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

export interface Prometheus {
  /** The answer to an instant query, now. Rejects when the query is wrong. */
  query(expression: string): Promise<readonly Series[]>;
  /** What is wrong with the rules, one text for each that can't be evaluated. Undefined: some were not evaluated yet. */
  ruleErrors(): Promise<readonly string[] | undefined>;
}

interface Answer {
  readonly error?: string;
  readonly data: {
    readonly result: readonly { readonly metric: Record<string, string>; readonly value: readonly [number, string] }[];
    readonly groups: readonly {
      readonly rules: readonly { readonly name: string; readonly health: string; readonly lastError?: string }[];
    }[];
  };
}

/** Starts a Prometheus that scrapes these addresses every few seconds and evaluates the rules. Killed after the test. */
export async function startPrometheus(t: Ending, path: string, targets: readonly string[]): Promise<Prometheus> {
  const folder = await tempFolder(t);
  const address = `127.0.0.1:${await freePort()}`;
  const file = join(folder, "prometheus.yml");
  const config = {
    global: { scrape_interval: "3s", scrape_timeout: "3s", evaluation_interval: "1s" },
    rule_files: [join(MONITORING, "alerts.yaml")],
    scrape_configs: [{ job_name: "signet", static_configs: [{ targets }] }],
  };
  await writeFile(file, stringify(config));
  const storage = `--storage.tsdb.path=${join(folder, "data")}`;
  const child = spawn(path, [`--config.file=${file}`, storage, `--web.listen-address=${address}`], { stdio: "ignore" });
  const ended = once(child, "exit");
  t.teardown(async () => {
    child.kill("SIGKILL");
    await ended;
  });
  await waitUntil("Prometheus is ready", () => fetch(`http://${address}/-/ready`).then(isOk, () => false));
  const ask = async (path: string): Promise<Answer> => {
    const answer = (await (await get(`http://${address}/api/v1/${path}`)).json()) as Answer;
    if (answer.error !== undefined) throw new Error(answer.error);
    return answer;
  };
  return {
    async query(expression) {
      const { data } = await ask(`query?query=${encodeURIComponent(expression)}`);
      return data.result.map(({ metric, value }) => ({ labels: metric, value: Number(value[1]) }));
    },
    async ruleErrors() {
      const rules = (await ask("rules")).data.groups.flatMap((group) => group.rules);
      if (rules.length === 0 || rules.some(({ health }) => health === "unknown")) return undefined;
      return rules.flatMap(({ name, health, lastError }) => (health === "ok" ? [] : [`${name}: ${lastError}`]));
    },
  };
}

const isOk = ({ ok }: Response): boolean => ok;
