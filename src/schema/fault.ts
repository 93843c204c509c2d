/** One thing that is wrong in a file that an operator wrote. */
export interface Fault {
  /** The file's name, or the name of the environment variable. */
  readonly file: string;
  /** Counted from 1; absent where the fault has no place, e.g. in an environment variable. */
  readonly line?: number;
  /** Dotted path of the value, e.g. `rotation.lead`; empty for the whole file. */
  readonly path: string;
  /** What is wrong and what is allowed. */
  readonly message: string;
}

/** All the faults of a configuration or profile at once. */
export class ConfigError extends Error {
  readonly faults: readonly Fault[];
  constructor(faults: readonly Fault[]) {
    super(faults.map(formatFault).join("\n"));
    this.name = "ConfigError";
    this.faults = faults;
  }
}

/** `file:line path: message`, as compilers print it. */
export function formatFault({ file, line, path, message }: Fault): string {
  const place = line === undefined ? file : `${file}:${line}`;
  return path === "" ? `${place}: ${message}` : `${place} ${path}: ${message}`;
}
