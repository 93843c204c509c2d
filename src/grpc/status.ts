import { Metadata, type ServiceError, status } from "@grpc/grpc-js";
import { BadRequest, ErrorInfo, RetryInfo } from "../gen/google/rpc/error_details.ts";
import { Status } from "../gen/google/rpc/status.ts";
import { Problem, type ProblemCode } from "../token/problem.ts";

const GRPC_CODE: Readonly<Record<ProblemCode, status>> = {
  UNDECODABLE: status.INVALID_ARGUMENT,
  INVALID_REQUEST: status.INVALID_ARGUMENT,
  PROFILE_NOT_FOUND: status.NOT_FOUND,
  KEYSET_NOT_FOUND: status.NOT_FOUND,
  TTL_BEYOND_KEY: status.FAILED_PRECONDITION,
  KEYS_UNAVAILABLE: status.UNAVAILABLE,
  NO_SIGNING_KEY: status.UNAVAILABLE,
  AUDIT_FULL: status.UNAVAILABLE,
  AUDIT_UNAVAILABLE: status.UNAVAILABLE,
};

/** Some clients refuse trailers of more than 8 KiB: the details in base64, and the message, percent-encoded up to 9 for 1. */
const MAX_DETAIL_BYTES = 4096;
const MAX_MESSAGE_LENGTH = 256;
const MAX_VIOLATIONS = 32;

/**
 * What leaves for an error: a {@link Problem} with its code and its `google.rpc` details; anything else as the constant
 * "internal error", because an unexpected message may hold what a caller must not see.
 */
export function toServiceError(error: unknown): ServiceError {
  if (!(error instanceof Problem)) return serviceError(status.INTERNAL, "internal error", new Metadata());
  const code = GRPC_CODE[error.code];
  const message = shorten(error.message);
  const metadata = new Metadata();
  metadata.set("grpc-status-details-bin", encodeDetails(code, message, error));
  return serviceError(code, message, metadata);
}

function shorten(text: string): string {
  if (text.length <= MAX_MESSAGE_LENGTH) return text;
  return `${text.slice(0, MAX_MESSAGE_LENGTH - 1).toWellFormed()}…`;
}

function serviceError(code: status, details: string, metadata: Metadata): ServiceError {
  return Object.assign(new Error(details), { code, details, metadata });
}

function encodeDetails(code: status, message: string, problem: Problem): Buffer {
  for (let count = Math.min(problem.violations.length, MAX_VIOLATIONS); ; count = Math.floor(count / 2)) {
    const details = detailsOf(problem, count);
    const bytes = Buffer.from(Status.encode({ code, message, details }).finish());
    if (bytes.length <= MAX_DETAIL_BYTES || count === 0) return bytes;
  }
}

function detailsOf(problem: Problem, violations: number) {
  const info = ErrorInfo.encode({ reason: problem.code, domain: "signet.v1", metadata: {} });
  const details = [any("google.rpc.ErrorInfo", info.finish())];
  if (violations > 0) {
    const fieldViolations = problem.violations.slice(0, violations);
    details.push(any("google.rpc.BadRequest", BadRequest.encode(BadRequest.fromPartial({ fieldViolations })).finish()));
  }
  if (problem.retryAfterMs !== undefined) {
    const ms = problem.retryAfterMs;
    const retryDelay = { seconds: BigInt(Math.floor(ms / 1000)), nanos: (ms % 1000) * 1_000_000 };
    details.push(any("google.rpc.RetryInfo", RetryInfo.encode({ retryDelay }).finish()));
  }
  return details;
}

function any(name: string, value: Uint8Array) {
  return { typeUrl: `type.googleapis.com/${name}`, value: Buffer.from(value) };
}
