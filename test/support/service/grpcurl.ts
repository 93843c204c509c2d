import { spawn } from "node:child_process";
import { text } from "node:stream/consumers";
import type { Implementation } from "ava";
import { HANGS_MS } from "../bounded.ts";
import { recordShown } from "../leaks/record.ts";
import { testUnless } from "../unless-missing.ts";
import { findTool } from "./find-tool.ts";

const binary = findTool("grpcurl");
/** By default it gives a connection ten seconds. */
const BOUND_S = String(HANGS_MS / 1_000);
const MISSING = "grpcurl is neither on PATH nor in .tools/bin";

/** A test that needs grpcurl. Without it the test is skipped with a notice, and fails in CI. */
export function testWithGrpcurl(title: string, implementation: Implementation<[]>): void {
  testUnless(binary === undefined ? MISSING : undefined, title, implementation);
}

export interface Finished {
  /** 0, or 64 and the gRPC status code. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs grpcurl in plaintext. */
export async function grpcurl(...args: readonly string[]): Promise<Finished> {
  if (binary === undefined) throw new Error(MISSING);
  const words = ["-plaintext", "-connect-timeout", BOUND_S, "-max-time", BOUND_S, ...args];
  const child = spawn(binary, words, { stdio: ["ignore", "pipe", "pipe"] });
  const code = new Promise<number | null>((resolve, reject) => child.once("error", reject).once("close", resolve));
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)]);
  recordShown("errors", stderr);
  return { code: await code, stdout, stderr };
}
