/** How one test ended. A todo is not written yet. */
type Outcome = "passed" | "failed" | "skipped" | "todo";

export interface TestResult {
  readonly title: string;
  readonly outcome: Outcome;
}

/** The test that a line of TAP (version 13) reports; undefined for any other line. */
export function readTapLine(line: string): TestResult | undefined {
  const [, not, title = "", directive] = /^(not )?ok \d+ - (.*?)(?: # (SKIP|TODO))?$/.exec(line) ?? [];
  if (title === "") return undefined;
  if (directive === "SKIP") return { title, outcome: "skipped" };
  if (directive === "TODO") return { title, outcome: "todo" };
  return { title, outcome: not === undefined ? "passed" : "failed" };
}
