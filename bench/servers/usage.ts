import { readdirSync, readFileSync } from "node:fs";

const MICROSECONDS_PER_TICK = 10_000;

/** The user and system time of a process and all its descendants, in microseconds (Linux; in steps of 10 ms). */
export function cpuMicroseconds(pid: number): number {
  const children = childrenByParent();
  const ofTree = (root: number): number =>
    (children.get(root) ?? []).reduce((sum, child) => sum + ofTree(child), ticksOf(root) * MICROSECONDS_PER_TICK);
  return ofTree(pid);
}

/** The resident memory of a process (Linux), in 10^6 bytes: the unit of the bars. */
export function residentMegabytes(pid: number): number {
  const kibibytes = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
  return (Number(kibibytes) * 1024) / 1e6;
}

function childrenByParent(): Map<number, number[]> {
  const pids = readdirSync("/proc").filter((name) => /^\d+$/.test(name));
  const children = new Map<number, number[]>();
  for (const pid of pids.map(Number)) {
    const parent = Number(statOf(pid)?.[1]);
    children.set(parent, [...(children.get(parent) ?? []), pid]);
  }
  return children;
}

/** Of the process, and of its children that have ended. */
function ticksOf(pid: number): number {
  const [user, system, endedUser, endedSystem] = statOf(pid)?.slice(11, 15).map(Number) ?? [];
  return (user ?? 0) + (system ?? 0) + (endedUser ?? 0) + (endedSystem ?? 0);
}

/** The fields after the name of the process, which may have spaces. Undefined: the process has ended. */
function statOf(pid: number): string[] | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    return stat.slice(stat.lastIndexOf(") ") + 2).split(" ");
  } catch {
    return undefined;
  }
}
