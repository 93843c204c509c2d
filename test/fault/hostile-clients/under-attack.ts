import { readFile, writeFile } from "node:fs/promises";
import type { ExecutionContext } from "ava";
import { startLoad } from "../../support/service/load.ts";
import type { AttackName, Intruder } from "./every-attack.ts";
import { startTarget, type Target } from "./target.ts";

interface UnderAttack extends Pick<Target, "service" | "metric"> {
  /** The most memory that the service has used since the attack began, in MiB; undefined once it has ended. */
  peakMiB(): Promise<number | undefined>;
  /** Waits for the honest calls in progress. Rejects when one of them was not answered. Resolves with their number. */
  honestCalls(): Promise<number>;
}

/** A service in a process of its own, the attack on it in another one, and honest calls on old and new connections. */
export async function underAttack(
  t: ExecutionContext<unknown>,
  attack: AttackName,
  intruder: Intruder,
  env: Record<string, string> = {},
): Promise<UnderAttack> {
  const target = await startTarget(t, intruder, env);
  const { service, metric } = target;
  const { pid } = service.process.child;
  // The peak of the start does not count.
  await writeFile(`/proc/${pid}/clear_refs`, "5");
  await target.attack(attack);
  let answered = 0;
  const load = startLoad(2, async () => {
    const fresh = target.connect();
    for (const client of [target.kept, fresh]) {
      await target.verify(client);
      answered += 1;
    }
    fresh.close();
  });
  return {
    service,
    metric,
    async peakMiB() {
      const status = await readFile(`/proc/${pid}/status`, "utf8").catch(() => "");
      const kib = /^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1];
      return kib === undefined ? undefined : Number(kib) / 1024;
    },
    async honestCalls() {
      await load.stop();
      return answered;
    },
  };
}
