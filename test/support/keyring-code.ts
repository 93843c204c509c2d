import { KeyringError } from "../../src/keys/error.ts";

/** The code of the KeyringError that the work throws, "done" if it throws nothing, or the text of another error. */
export function keyringCode(work: () => unknown): string {
  try {
    work();
    return "done";
  } catch (error) {
    return error instanceof KeyringError ? error.code : String(error);
  }
}
