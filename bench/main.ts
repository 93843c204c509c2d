import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { CONNECTIONS, STREAMS } from "./client/loads.ts";
import { formatGoals, type Goal, verdictOf } from "./goals.ts";
import { Quiet } from "./machine/quiet.ts";
import { type Options, readOptions, type TableName } from "./options.ts";
import { quietRounds } from "./rounds.ts";
import { profile } from "./tables/profile.ts";
import type { Bench } from "./tables/table.ts";
import { MEASUREMENTS } from "./tables.ts";

const options = readOptions(process.argv.slice(2));
const folder = mkdtempSync(join(tmpdir(), "signet-bench-"));

/** Prints each table as soon as it is measured, and all goals at the end. */
async function measureAll({ tables, json }: Options): Promise<void> {
  const quiet = new Quiet(options.noise);
  const results: Partial<Record<TableName, unknown[]>> = {};
  const goals: Goal[] = [];
  const print = (text: string) => json || process.stdout.write(`${text}\n`);
  print(header());
  for (const name of tables)
    for await (const { data, text, goals: judged = [] } of MEASUREMENTS[name](benchFor(name, quiet))) {
      results[name] = [...(results[name] ?? []), data];
      goals.push(...judged);
      print(`\n${text}`);
    }
  if (goals.length > 0) print(`\n${formatGoals(goals)}`);
  const verdicts = goals.map((goal) => ({ ...goal, verdict: verdictOf(goal) }));
  if (json) process.stdout.write(`${JSON.stringify({ header: header(), results, goals: verdicts })}\n`);
}

function benchFor(table: TableName, quiet: Quiet): Bench {
  const own = join(folder, table);
  mkdirSync(own);
  return {
    options,
    folder: own,
    async rounds(round) {
      const { kept, discarded } = await quietRounds(options.rounds, quiet.isQuiet, round);
      if (discarded > 0)
        process.stderr.write(
          `${table}: ${discarded} rounds discarded, ${kept.length} kept: the machine was not quiet\n`,
        );
      return kept;
    },
  };
}

function header(): string {
  const { rounds, seconds, noise, seed } = options;
  return [
    `node ${process.version}, ${availableParallelism()} cores`,
    `${CONNECTIONS} connections x ${STREAMS} streams, ${rounds} rounds of ${seconds} s, seed ${seed}`,
    `a round counts if a loop takes at most ${noise} % above its best`,
    "medians of the rounds, ratios within a round",
  ].join("; ");
}

try {
  if (options.profile === undefined) await measureAll(options);
  else process.stdout.write(`${await profile(options.profile, folder, options.seconds)}\n`);
} finally {
  rmSync(folder, { recursive: true });
}
