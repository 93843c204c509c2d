/** A fault that the user of `make run` can mend: its message is all that is shown. */
export class RunError extends Error {
  override readonly name = "RunError";
}
