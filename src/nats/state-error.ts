import { StateError } from "../state/keyvalue.ts";
import { toSinkError } from "./errors.ts";

/** A failed request to the bucket as the port's error; one that is the port's already as it is. */
export function toStateError(error: unknown, what: string): StateError {
  if (error instanceof StateError) return error;
  const { message } = toSinkError(error, what);
  return new StateError("UNAVAILABLE", message, { cause: error });
}

export function unavailable(message: string): StateError {
  return new StateError("UNAVAILABLE", message);
}
