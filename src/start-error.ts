import { CodedError } from "./coded-error.ts";

/**
 * OLD_NODE: this version of Node has known faults. CANT_LISTEN: an address is taken or can't be bound. OTHER_STORE: the
 * newest keys of the data folder are not in the store that the configuration names. OTHER_INSTALLATION: spool and state
 * belong to two installations. STATE_MISSING, SPOOL_MISSING: this part of the data folder is gone. SOCKET_EXPOSED:
 * others may replace the Unix socket. NATS_FILES: the certificates or credentials for NATS can't be used.
 * UNUSABLE_CERTIFICATES: those of a listener can't be. TRACES_PACKAGES: the optional packages for traces are not
 * installed. TRACES_FILES: the headers or CAs for traces can't be used.
 */
export type StartErrorCode =
  | "OLD_NODE"
  | "CANT_LISTEN"
  | "OTHER_STORE"
  | "OTHER_INSTALLATION"
  | "STATE_MISSING"
  | "SPOOL_MISSING"
  | "SOCKET_EXPOSED"
  | "NATS_FILES"
  | "UNUSABLE_CERTIFICATES"
  | "TRACES_PACKAGES"
  | "TRACES_FILES";

/** Why the service can't start on this machine, apart from damage to what it has stored. */
export class StartError extends CodedError<StartErrorCode> {}
