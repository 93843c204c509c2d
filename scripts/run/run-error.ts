/** An error that the user of `make run` can correct. Only its message is printed, without a stack trace. */
export class RunError extends Error {
  override readonly name = "RunError";
}
