import { Problem } from "../../../src/problem/problem.ts";

/** The problem that the work rejects with. */
export async function rejectedProblem(work: Promise<unknown>): Promise<Problem> {
  const error = await work.then(
    () => undefined,
    (cause) => cause,
  );
  if (error instanceof Problem) return error;
  throw new Error("a Problem was expected", { cause: error });
}
