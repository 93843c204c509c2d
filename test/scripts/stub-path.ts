import { execFile } from "node:child_process";
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";

const STANDARD = [
  "awk",
  "bash",
  "cat",
  "chmod",
  "dirname",
  "find",
  "grep",
  "mkdir",
  "mktemp",
  "mv",
  "readlink",
  "rm",
  "sed",
  "sh",
  "tail",
  "tee",
  "timeout",
];

/** A folder for PATH that contains only standard programs of the machine and the given shell scripts. */
export async function stubPath(parent: string, stubs: Readonly<Record<string, string>>): Promise<string> {
  const folder = join(parent, "path");
  mkdirSync(folder);
  const found = await Promise.all(STANDARD.map((name) => promisify(execFile)("sh", ["-c", `command -v ${name}`])));
  for (const [index, name] of STANDARD.entries()) symlinkSync(found[index]?.stdout.trim() ?? "", join(folder, name));
  for (const [name, script] of Object.entries(stubs)) writeStub(folder, name, script);
  return folder;
}

export function writeStub(folder: string, name: string, script: string): void {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, name), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
}

export interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a script with this PATH and no other environment variable. */
export function runScript(file: string, args: readonly string[], PATH: string): Promise<Outcome> {
  return new Promise((resolve) => {
    execFile(file, args, { env: { PATH } }, (error, stdout, stderr) => {
      resolve({ code: error ? Number(error.code) : 0, stdout, stderr });
    });
  });
}
