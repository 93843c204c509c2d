import { readFileSync } from "node:fs";
import { publicFaults } from "../files/private-path.ts";
import { ConfigError } from "../schema/fault.ts";

/** Reads a file that decides what the service does. Throws a ConfigError where others may change or replace it. */
export function readTrustedFile(file: string): string {
  const text = readText(file);
  const exposed = publicFaults(file);
  if (exposed.length === 0) return text;
  throw new ConfigError(exposed.map(({ path, message }) => ({ file: path, path: "", message })));
}

/** Reads a file. Throws a ConfigError with the reason why it can't be read. */
export function readText(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (cause) {
    throw new ConfigError([{ file, path: "", message: `can't be read: ${(cause as NodeJS.ErrnoException).code}` }]);
  }
}
