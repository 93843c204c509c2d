import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { ExecutionContext } from "ava";
import { loadConfig } from "../../../src/config/load.ts";
import { ConfigError, type Fault, formatFault } from "../../../src/schema/fault.ts";
import type { Ending } from "../service/shared.ts";
import { tempFolder } from "./temp.ts";

/** Writes files into a new folder, which is removed after the test. Resolves with the path of the folder. */
export async function filesIn(t: Ending, files: Readonly<Record<string, string>>): Promise<string> {
  const folder = await tempFolder(t);
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text);
  return folder;
}

/** The faults that the load throws. */
export function faultsOf(load: () => unknown): readonly Fault[] {
  try {
    load();
  } catch (error) {
    if (error instanceof ConfigError) return error.faults;
    throw error;
  }
  throw new Error("it was loaded without a fault");
}

/** The faults of a configuration file as they are printed, with FILE for its name. */
export async function faultTexts(t: ExecutionContext, text: string): Promise<string[]> {
  const file = join(await filesIn(t, { "signet.yaml": text }), "signet.yaml");
  return faultsOf(() => loadConfig({ file, env: {} })).map((fault) => formatFault(fault).replace(file, "FILE"));
}
