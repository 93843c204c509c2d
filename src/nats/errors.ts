import { type ConnectionOptions, NatsError } from "nats";
import { SinkError, type SinkErrorCode } from "../audit/forward/sink.ts";
import { StateError } from "../state/keyvalue.ts";

/** JetStream's numbers: its texts change between versions. */
export const STREAM_NOT_FOUND = 10059;
export const MESSAGE_NOT_FOUND = 10037;

/** The `err_code` of a JetStream API error; undefined for any other. */
export function apiCode(error: unknown): number | undefined {
  return error instanceof NatsError ? error.api_error?.err_code : undefined;
}

/** Whether a request got no answer in time. */
export function isUnanswered(error: unknown): boolean {
  return error instanceof NatsError && error.code === "TIMEOUT";
}

/** Whether a request failed because nobody could answer it, so that a later one may succeed: it was not refused. */
export function isOutage(error: unknown): boolean {
  if (!(error instanceof NatsError) || error.permissionContext !== undefined) return false;
  return error.api_error === undefined || error.api_error.code >= 500;
}

/** What the server does not let this client do. */
export interface Denial {
  readonly operation: string;
  readonly subject: string;
}

/** The server's own words, by which an operator finds the permission to add. */
export function denialText({ operation, subject }: Denial): string {
  // An inbox has a new random name each time: the text of one fault must not change.
  const name = subject.replace(/^_INBOX\..*/, "_INBOX.>");
  return `NATS answered Permissions Violation for ${operation === "publish" ? "Publish" : "Subscription"} to "${name}"`;
}

/** Why a request or a subscription failed, human-readable. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof NatsError)) return error instanceof Error ? error.message : String(error);
  const { code, message, api_error: api, permissionContext } = error;
  if (api !== undefined) return `JetStream answered ${api.err_code ?? api.code} ${api.description}`;
  if (permissionContext !== undefined) return denialText(permissionContext);
  switch (code) {
    case "503":
      return "no JetStream answers (503 no responders: off, not enabled for the account, or without a leader)";
    case "TIMEOUT":
      return "no answer in time";
    case "CONNECTION_CLOSED":
    case "DISCONNECT":
      return "the connection was lost";
    default:
      return message === code ? code : `${code} ${message}`;
  }
}

/** Those of a certificate for which no CA speaks. Node's own texts advise to start Node differently. */
const UNKNOWN_CA: ReadonlySet<unknown> = new Set([
  "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
  "UNABLE_TO_GET_ISSUER_CERT",
  "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
  "SELF_SIGNED_CERT_IN_CHAIN",
  "DEPTH_ZERO_SELF_SIGNED_CERT",
  "CERT_SIGNATURE_FAILURE",
]);

/**
 * Why no connection came about with these options, human-readable. It names servers and keys of the configuration, never
 * credentials.
 */
export function dialFailure(error: unknown, { tls }: Pick<ConnectionOptions, "tls">): string {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  if (UNKNOWN_CA.has(code))
    return `no CA of nats.tls.ca, or else of the system, signed the server's certificate (${code})`;
  if (code === "AUTHORIZATION_VIOLATION")
    return (
      "the server refuses this user, or wants one: 'Authorization Violation' " +
      "(nats.creds, nats.nkey, or nats.user_file with nats.password_file)"
    );
  if (code === "SERVER_OPT_NA") return "the server offers no TLS";
  // In TLS 1.3 the client's handshake is over by then, and the library drops the alert.
  if (code === "TIMEOUT")
    return tls ? "no answer in time, as from a server that refuses this client's certificate" : "no answer in time";
  // OpenSSL's own message begins with a number that differs from thread to thread.
  if (error instanceof Error && "library" in error && "reason" in error) return `the handshake failed: ${error.reason}`;
  return error instanceof Error ? error.message : String(error);
}

/** Converts a failed request to JetStream into the error of the sink's port. */
export function toSinkError(error: unknown, what: string): SinkError {
  return new SinkError(sinkCodeOf(error), `${what}: ${reasonOf(error)}`, { cause: error });
}

function sinkCodeOf(error: unknown): SinkErrorCode {
  if (!(error instanceof NatsError) || error.api_error !== undefined) return "REFUSED";
  switch (error.code) {
    case "503":
      return "NO_STREAM";
    case "TIMEOUT":
      return "TIMEOUT";
    case "CONNECTION_CLOSED":
    case "DISCONNECT":
      return "DISCONNECTED";
    default:
      return "REFUSED";
  }
}

/** Converts a failed request to the bucket into a StateError; leaves one that is a StateError already. */
export function toStateError(error: unknown, what: string): StateError {
  if (error instanceof StateError) return error;
  return new StateError("UNAVAILABLE", `${what}: ${reasonOf(error)}`, { cause: error });
}

export function unavailable(message: string): StateError {
  return new StateError("UNAVAILABLE", message);
}
