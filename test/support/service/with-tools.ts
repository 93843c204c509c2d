import type { ExecutionContext } from "ava";
import { testUnless } from "../unless-missing.ts";
import { findTool } from "./find-tool.ts";

/** A test that needs tools, and gets their paths. Without one it is skipped with a notice, and fails in CI. */
export function testWithTools(
  tools: readonly string[],
  title: string,
  run: (t: ExecutionContext, ...paths: string[]) => Promise<void>,
): void {
  testUnless(missingTools(tools), title, (t) => run(t, ...tools.map(findTool).map(String)));
}

/** How to get those of the tools that are missing; undefined if none is. */
export function missingTools(tools: readonly string[]): string | undefined {
  const absent = tools.filter((tool) => findTool(tool) === undefined);
  return absent.length === 0 ? undefined : `scripts/tools.sh ${absent.join(" ")} fetches what is missing`;
}
