import { spawn } from "node:child_process";
import { text } from "node:stream/consumers";
import test, { type Implementation } from "ava";
import { findTool } from "./find-tool.ts";

const binary = findTool("grpcurl");

/** A test that needs grpcurl. Without it the test is skipped with a notice, and fails in CI. */
export function testWithGrpcurl(title: string, implementation: Implementation<[]>): void {
  if (binary !== undefined) test(title, implementation);
  else if (process.env.CI) test(title, (t) => t.fail("grpcurl is neither on PATH nor in .tools/bin"));
  else test.skip(`${title} (skipped: grpcurl is neither on PATH nor in .tools/bin)`, implementation);
}

export interface Finished {
  /** 0, or 64 and the gRPC status code. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs grpcurl in plaintext, for at most 20 s. */
export async function grpcurl(...args: readonly string[]): Promise<Finished> {
  if (binary === undefined) throw new Error("grpcurl is neither on PATH nor in .tools/bin");
  const child = spawn(binary, ["-plaintext", "-max-time", "20", ...args], { stdio: ["ignore", "pipe", "pipe"] });
  const code = new Promise<number | null>((resolve, reject) => child.once("error", reject).once("close", resolve));
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)]);
  return { code: await code, stdout, stderr };
}
