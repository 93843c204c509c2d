import { type ServiceError, status } from "@grpc/grpc-js";
import { BadRequest, ErrorInfo, RetryInfo } from "../gen/google/rpc/error_details.ts";
import { Status } from "../gen/google/rpc/status.ts";
import { Failure, type FailureReport } from "./failure.ts";
import { durationText } from "./proto-json.ts";

/** A gRPC error with all that its `grpc-status-details-bin` tells. */
export function rpcFailure(error: ServiceError): Failure {
  return new Failure({
    code: status[error.code] ?? String(error.code),
    message: error.details,
    ...richDetails(error),
  });
}

function richDetails(error: ServiceError): Partial<FailureReport> {
  const [encoded] = error.metadata?.get("grpc-status-details-bin") ?? [];
  if (!(encoded instanceof Uint8Array)) return {};
  try {
    return Object.assign({}, ...Status.decode(encoded).details.map(detail));
  } catch {
    // The code and the message stand without details that some proxy has cut.
    return {};
  }
}

function detail({ typeUrl, value }: { typeUrl: string; value: Uint8Array }): Partial<FailureReport> {
  switch (typeUrl.slice(typeUrl.lastIndexOf("/") + 1)) {
    case "google.rpc.ErrorInfo":
      return { reason: ErrorInfo.decode(value).reason };
    case "google.rpc.BadRequest":
      return {
        violations: BadRequest.decode(value).fieldViolations.map(({ field, description }) => ({ field, description })),
      };
    case "google.rpc.RetryInfo": {
      const { retryDelay } = RetryInfo.decode(value);
      return retryDelay === undefined ? {} : { retryDelay: durationText(retryDelay) };
    }
    default:
      return {};
  }
}
