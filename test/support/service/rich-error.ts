import { type ServiceError, status } from "@grpc/grpc-js";
import { BadRequest, ErrorInfo, RetryInfo } from "../../../src/gen/google/rpc/error_details.ts";
import { Status } from "../../../src/gen/google/rpc/status.ts";
import { recordError } from "../leaks/service.ts";

/** The error of a failed call, as a client reads it. */
export interface RichError {
  /** The name of the status code. */
  readonly code: string;
  readonly message: string;
  readonly reason: string | undefined;
  readonly metadata: Readonly<Record<string, string>>;
  readonly violations: readonly { readonly field: string; readonly description: string }[];
  readonly retryAfterMs: number | undefined;
  /** The size of the encoded `google.rpc.Status`. */
  readonly detailBytes: number;
}

export function readError(error: ServiceError): RichError {
  recordError(error);
  const [encoded] = error.metadata.get("grpc-status-details-bin");
  const bytes = encoded instanceof Uint8Array ? encoded : new Uint8Array();
  const { details } = Status.decode(bytes);
  const find = (name: string) => details.find(({ typeUrl }) => typeUrl === `type.googleapis.com/google.rpc.${name}`);
  const [info, badRequest, retry] = [find("ErrorInfo"), find("BadRequest"), find("RetryInfo")];
  const delay = retry && RetryInfo.decode(retry.value).retryDelay;
  return {
    code: status[error.code] ?? String(error.code),
    message: error.details,
    reason: info && ErrorInfo.decode(info.value).reason,
    metadata: info ? ErrorInfo.decode(info.value).metadata : {},
    violations: badRequest
      ? BadRequest.decode(badRequest.value).fieldViolations.map(({ field, description }) => ({ field, description }))
      : [],
    retryAfterMs: delay && Number(delay.seconds) * 1000 + delay.nanos / 1_000_000,
    detailBytes: bytes.length,
  };
}

/** The error of a call. Throws if the call succeeds. */
export async function failureOf(call: Promise<unknown>): Promise<RichError> {
  try {
    await call;
  } catch (error) {
    if (error instanceof Error && "metadata" in error) return readError(error as ServiceError);
    throw error;
  }
  throw new Error("the call was answered OK");
}
