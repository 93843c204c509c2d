import { CodedError } from "./coded-error.ts";

/**
 * OLD_NODE: this Node has known faults. CANT_LISTEN: an address is taken, or can't be bound. OTHER_STORE: the data folder's
 * newest keys are in another store than the configuration names.
 */
export type StartErrorCode = "OLD_NODE" | "CANT_LISTEN" | "OTHER_STORE";

/** Why the service can't start on this machine, whatever it has stored. */
export class StartError extends CodedError<StartErrorCode> {}
