import { CodedError } from "../coded-error.ts";

/**
 * UNREACHABLE: no answer, or a certificate that nothing vouches for. LATE: none in time. REFUSED: an answer other than
 * the document. TOO_LARGE: a document above the limit. BAD_DISCOVERY: a discovery document that must not be followed.
 * BAD_FILE: the file with the token or the CA can't be used.
 */
export type IssuerErrorCode = "UNREACHABLE" | "LATE" | "REFUSED" | "TOO_LARGE" | "BAD_DISCOVERY" | "BAD_FILE";

/** Why the keys of an issuer can't be read. No secret is in its message. */
export class IssuerError extends CodedError<IssuerErrorCode> {}
