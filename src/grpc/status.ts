import { Metadata, type ServiceError, status } from "@grpc/grpc-js";
import { BadRequest, ErrorInfo, RetryInfo } from "../gen/google/rpc/error_details.ts";
import { Status } from "../gen/google/rpc/status.ts";
import { Problem, type ProblemCode } from "../problem/problem.ts";
import { durationOfMs } from "./wire/times.ts";

const GRPC_CODE: Readonly<Record<ProblemCode, status>> = {
  UNAUTHENTICATED: status.UNAUTHENTICATED,
  PERMISSION_DENIED: status.PERMISSION_DENIED,
  UNDECODABLE: status.INVALID_ARGUMENT,
  INVALID_REQUEST: status.INVALID_ARGUMENT,
  PROFILE_NOT_FOUND: status.NOT_FOUND,
  KEYSET_NOT_FOUND: status.NOT_FOUND,
  KEY_NOT_FOUND: status.NOT_FOUND,
  TOO_EARLY: status.FAILED_PRECONDITION,
  TTL_BEYOND_KEY: status.FAILED_PRECONDITION,
  KEY_NOT_IMPORTED: status.FAILED_PRECONDITION,
  KEY_EXISTS: status.ALREADY_EXISTS,
  WEAK_KEY: status.FAILED_PRECONDITION,
  TOO_MANY_KEYS: status.FAILED_PRECONDITION,
  REQUEST_ID_REUSED: status.ALREADY_EXISTS,
  KEYS_UNAVAILABLE: status.UNAVAILABLE,
  NO_SIGNING_KEY: status.UNAVAILABLE,
  REVOCATIONS_UNAVAILABLE: status.UNAVAILABLE,
  SESSIONS_UNAVAILABLE: status.UNAVAILABLE,
  NO_SESSIONS: status.FAILED_PRECONDITION,
  CONNECTION_OPEN: status.ALREADY_EXISTS,
  USES_UNAVAILABLE: status.UNAVAILABLE,
  SLOW_READER: status.RESOURCE_EXHAUSTED,
  TOO_MANY_STREAMS: status.RESOURCE_EXHAUSTED,
  TOO_MANY_CALLS: status.RESOURCE_EXHAUSTED,
  RATE_LIMITED: status.RESOURCE_EXHAUSTED,
  STOPPING: status.UNAVAILABLE,
  OFFLINE_TOO_LONG: status.UNAVAILABLE,
  STORE_FORGETS: status.UNAVAILABLE,
  CLOCK_DIFFERS: status.UNAVAILABLE,
  AUDIT_FULL: status.UNAVAILABLE,
  AUDIT_UNAVAILABLE: status.UNAVAILABLE,
  AUDIT_NOT_FORWARDED: status.UNAVAILABLE,
  AUDIT_KEYS_UNAVAILABLE: status.UNAVAILABLE,
  WRITER_NOT_FOUND: status.NOT_FOUND,
  WRITER_NOT_LOST: status.FAILED_PRECONDITION,
};

/**
 * Some clients reject trailers of more than 8 KiB. Details are in base64; percent-encoding makes 9 bytes of one
 * character.
 */
const MAX_DETAIL_BYTES = 4096;
const MAX_MESSAGE_LENGTH = 256;
const MAX_VIOLATIONS = 32;

/**
 * The status of an error: a {@link Problem} with its code and its `google.rpc` details, and "internal error" for
 * anything else, since an unexpected message may contain what a caller must not see. Details are halved until they fit.
 */
export function toStatus(error: unknown): Status {
  if (!(error instanceof Problem)) return { code: status.INTERNAL, message: "internal error", details: [] };
  const code = GRPC_CODE[error.code];
  const message = shorten(error.message);
  for (let count = Math.min(error.violations.length, MAX_VIOLATIONS); ; count = Math.floor(count / 2)) {
    const whole = { code, message, details: detailsOf(error, count) };
    if (count === 0 || Status.encode(whole).finish().length <= MAX_DETAIL_BYTES) return whole;
  }
}

/** {@link toStatus}, as grpc-js takes it for the answer of a call. */
export function toServiceError(error: unknown): ServiceError {
  const whole = toStatus(error);
  const metadata = new Metadata();
  if (whole.details.length > 0) metadata.set("grpc-status-details-bin", Buffer.from(Status.encode(whole).finish()));
  return Object.assign(new Error(whole.message), { code: whole.code, details: whole.message, metadata });
}

function shorten(text: string): string {
  if (text.length <= MAX_MESSAGE_LENGTH) return text;
  return `${text.slice(0, MAX_MESSAGE_LENGTH - 1).toWellFormed()}…`;
}

function detailsOf(problem: Problem, violations: number) {
  const info = ErrorInfo.encode({ reason: problem.code, domain: "signet.v1", metadata: { ...problem.metadata } });
  const details = [any("google.rpc.ErrorInfo", info.finish())];
  if (violations > 0) {
    const fieldViolations = problem.violations.slice(0, violations);
    details.push(any("google.rpc.BadRequest", BadRequest.encode(BadRequest.fromPartial({ fieldViolations })).finish()));
  }
  if (problem.retryAfterMs !== undefined) {
    const retryDelay = durationOfMs(problem.retryAfterMs);
    details.push(any("google.rpc.RetryInfo", RetryInfo.encode({ retryDelay }).finish()));
  }
  return details;
}

function any(name: string, value: Uint8Array) {
  return { typeUrl: `type.googleapis.com/${name}`, value: Buffer.from(value) };
}
