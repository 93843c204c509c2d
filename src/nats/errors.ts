import { NatsError } from "nats";
import { SinkError } from "../audit/forward/sink.ts";
import { StateError } from "../state/keyvalue.ts";

/** JetStream's numbers: its texts change between versions. */
export const STREAM_NOT_FOUND = 10059;
export const MESSAGE_NOT_FOUND = 10037;

/** The `err_code` of a JetStream API error; undefined for any other. */
export function apiCode(error: unknown): number | undefined {
  return error instanceof NatsError ? error.api_error?.err_code : undefined;
}

/** Converts a failed request to JetStream into the error of the sink's port. */
export function toSinkError(error: unknown, what: string): SinkError {
  const api = error instanceof NatsError ? error.api_error : undefined;
  if (api !== undefined) {
    return new SinkError("REFUSED", `${what}: JetStream answered ${api.err_code ?? api.code} ${api.description}`, {
      cause: error,
    });
  }
  switch (error instanceof NatsError ? error.code : undefined) {
    case "503":
      return new SinkError("NO_STREAM", `${what}: no JetStream answers (off, or without a leader)`, { cause: error });
    case "TIMEOUT":
      return new SinkError("TIMEOUT", `${what}: no answer in time`, { cause: error });
    case "CONNECTION_CLOSED":
    case "DISCONNECT":
      return new SinkError("DISCONNECTED", `${what}: the connection was lost`, { cause: error });
    default:
      return new SinkError("REFUSED", what, { cause: error });
  }
}

/** Converts a failed request to the bucket into a StateError; leaves one that is a StateError already. */
export function toStateError(error: unknown, what: string): StateError {
  if (error instanceof StateError) return error;
  const { message } = toSinkError(error, what);
  return new StateError("UNAVAILABLE", message, { cause: error });
}

export function unavailable(message: string): StateError {
  return new StateError("UNAVAILABLE", message);
}
