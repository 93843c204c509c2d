import { Problem } from "../../src/problem/problem.ts";

/** The problem that the call throws. */
export function thrownProblem(call: () => unknown): Problem {
  try {
    call();
  } catch (error) {
    if (error instanceof Problem) return error;
    throw error;
  }
  throw new Error("the call threw no problem");
}

/** The problem that the work rejects with. */
export async function rejectedProblem(work: Promise<unknown>): Promise<Problem> {
  const error = await work.then(
    () => undefined,
    (cause) => cause,
  );
  if (error instanceof Problem) return error;
  throw new Error("the work rejected with no problem", { cause: error });
}

/** The violations, by field, of the INVALID_REQUEST that the call throws. */
export function thrownViolations(call: () => unknown): Record<string, string> {
  return violationsByField(thrownProblem(call));
}

/** The violations, by field, of the INVALID_REQUEST that the work rejects with; none when it resolves. */
export async function rejectedViolations(work: Promise<unknown>): Promise<Record<string, string>> {
  try {
    await work;
    return {};
  } catch (error) {
    if (error instanceof Problem) return violationsByField(error);
    throw error;
  }
}

function violationsByField(problem: Problem): Record<string, string> {
  if (problem.code !== "INVALID_REQUEST") throw problem;
  return Object.fromEntries(problem.violations.map(({ field, description }) => [field, description]));
}
