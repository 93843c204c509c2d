/** The way to a value in a file: names of members and indexes of lists. */
export type Path = readonly (string | number)[];

/** One thing that is wrong in a file that an operator wrote. */
export interface Fault {
  /** The file's name, or the name of the environment variable. */
  readonly file: string;
  /** Counted from 1; absent where there is no line, e.g. in an environment variable. */
  readonly line?: number;
  /** Dotted path of the value, e.g. `rotation.lead`; empty for the whole file. */
  readonly path: string;
  /** What is wrong and what is allowed. `violations.ts` words what a schema rejects. */
  readonly message: string;
}

/** Gives a fault its file and line. */
export type FaultAt = (path: Path, message: string) => Fault;

/** A longer report would not help. */
export const MAX_FAULTS = 100;

/** The faults of one file, each once and at most {@link MAX_FAULTS}, collected while it is checked. */
export interface Faults {
  readonly found: Fault[];
  add(path: Path, message: string): void;
}

export function createFaults(faultAt: FaultAt): Faults {
  const found: Fault[] = [];
  return {
    found,
    add(path, message) {
      if (found.length >= MAX_FAULTS) return;
      const fault = faultAt(path, message);
      if (!found.some((other) => formatFault(other) === formatFault(fault))) found.push(fault);
    },
  };
}

/** All the faults of a configuration or of its profiles. */
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
