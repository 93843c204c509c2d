import { EXIT, Failure } from "../failure.ts";
import type { Output } from "../io.ts";

/**
 * Watches standard output for a command. Without a listener, a reader that closes the pipe (`signet keys list |
 * head -1`) would cause a stack trace; it wants no more, which is no failure. A full disk is one: the answer is lost.
 */
export function watchOutput(stdout: Output) {
  let failure: Failure | undefined;
  const onError = (error: NodeJS.ErrnoException) => {
    if (error.code === "EPIPE") return;
    const message = `standard output can't be written: ${error.message}`;
    failure ??= new Failure({ code: "OUTPUT", message }, EXIT.state, { cause: error });
  };
  stdout.on("error", onError);
  return {
    /** Resolves when everything is written, with the failure if something could not be. */
    async end(): Promise<Failure | undefined> {
      await new Promise<void>((resolve) => stdout.write("", () => resolve()));
      stdout.off("error", onError);
      return failure;
    },
  };
}
