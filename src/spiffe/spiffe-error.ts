import { CodedError } from "../coded-error.ts";

/**
 * UNREACHABLE: the Workload API does not answer, or has ended the stream. DENIED: it has no identity for this process.
 * BAD_SVID: what it sent can't be used.
 */
export type SpiffeErrorCode = "UNREACHABLE" | "DENIED" | "BAD_SVID";

/** Why the SPIFFE Workload API gives nothing. No key is in its message. */
export class SpiffeError extends CodedError<SpiffeErrorCode> {}
