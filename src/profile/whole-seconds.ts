import { durationMs } from "../config/duration.ts";
import type { FileFaults } from "./faults-of-file.ts";

/** The seconds of a duration whose form is checked; a part of one is a fault. */
export function wholeSeconds(text: string, path: readonly string[], faults: FileFaults): number {
  const ms = durationMs(text) ?? 0;
  if (ms % 1000 !== 0) faults.add(path, "must be whole seconds");
  return ms / 1000;
}
