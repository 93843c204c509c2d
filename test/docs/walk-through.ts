import { spawn } from "node:child_process";
import { symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import type { ExecutionContext } from "ava";
import { tempFolder } from "../support/files/temp.ts";
import { freePort } from "../support/service/free-port.ts";

const CHECKOUT = join(import.meta.dirname, "..", "..");

/** A block of shell lines on a page, and the output that the page shows for it, if any. */
export interface Block {
  readonly lines: string;
  readonly shown: string | undefined;
}

/** The outcome of a block. */
export interface Outcome extends Block {
  readonly output: string;
  readonly code: number;
}

/** The shell blocks of a page. A `text` block is the output of the shell block before it. */
export function blocksOf(page: string): Block[] {
  const blocks: Block[] = [];
  for (const [, language, body = ""] of page.matchAll(/^```(\w+)\n(.*?)^```$/gms)) {
    const last = blocks.at(-1);
    if (language === "sh") blocks.push({ lines: body, shown: undefined });
    else if (language === "text" && last !== undefined) blocks.splice(-1, 1, { ...last, shown: body });
  }
  return blocks;
}

/** Whether an output matches what a page shows. `…` stands for any text, and alone on a line for any lines. */
export function isShown(output: string, shown: string): boolean {
  const pattern = shown
    .split("…")
    .map((part) => part.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&"))
    .join("[^]*?");
  return new RegExp(`^${pattern}$`).test(output);
}

/**
 * Runs the blocks in order in one shell, in a folder that looks like the checkout. Only the ports and the data folder
 * differ from the page.
 */
export async function walkThrough(t: ExecutionContext, blocks: readonly Block[]): Promise<Outcome[]> {
  const folder = await tempFolder(t);
  for (const name of ["node_modules", "package.json", "policies", "profiles", "scripts", "src"])
    await symlink(join(CHECKOUT, name), join(folder, name));
  // The pages call the command of the installed package.
  await symlink(join(CHECKOUT, "scripts/signet.sh"), join(folder, "signet"));
  const addresses = new Map<string, string>();
  for (const shown of SHOWN) addresses.set(shown, `127.0.0.1:${await freePort()}`);
  const [grpc = "", http = ""] = [...addresses.values()];
  const script = join(folder, "walk-through.sh");
  const lines = [...addresses].reduce((text, [shown, real]) => text.replaceAll(shown, real), scriptOf(blocks));
  await writeFile(script, lines);
  const tools = join(CHECKOUT, ".tools", "bin");
  const env = {
    HOME: folder,
    PATH: `${folder}:${join(CHECKOUT, "node_modules", ".bin")}:${process.env.PATH}:${tools}`,
    SIGNET_ADDRESS: grpc,
    SIGNET_GRPC_ADDRESS: grpc,
    SIGNET_HTTP_ADDRESS: http,
  };
  // In a process group of its own, so that the services end with it, and with a time limit of its own.
  const command = ["--kill-after=5", "280", "bash", script];
  const child = spawn("timeout", command, { cwd: folder, env, detached: true, stdio: ["ignore", "pipe", "inherit"] });
  t.teardown(() => endGroup(child.pid));
  return outcomesOf(blocks, await text(child.stdout));
}

/** The addresses on the pages. The first two are those of a service without replicas. */
const SHOWN = ["50051", "8081", "50052", "8082", "50053", "8083"].map((port) => `127.0.0.1:${port}`);

const MARK = "--- end of block";

function scriptOf(blocks: readonly Block[]): string {
  const parts = blocks.map(({ lines }) => `${lines}echo "${MARK} $?"\n`);
  return `exec 2>&1\n${parts.join("")}`;
}

function outcomesOf(blocks: readonly Block[], output: string): Outcome[] {
  const parts = output.split(new RegExp(`^${MARK} (\\d+)\n`, "m"));
  return blocks.map((block, index) => ({
    ...block,
    output: parts[2 * index] ?? "",
    code: Number(parts[2 * index + 1] ?? Number.NaN),
  }));
}

function endGroup(pid: number | undefined): void {
  try {
    if (pid !== undefined) process.kill(-pid, "SIGKILL");
  } catch {
    // All of it has ended by itself.
  }
}
