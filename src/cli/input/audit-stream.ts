import { SinkError } from "../../audit/forward/sink.ts";
import type { NatsAccess } from "../../nats/access.ts";
import { StartError } from "../../start-error.ts";
import { EXIT, Failure, usageError } from "../failure.ts";
import { redact } from "../output/safe-text.ts";
import { type NatsOptions, natsAccessOf, withOptions } from "./nats-options.ts";

/**
 * How the options reach the stream of audit events.
 *
 * @throws Failure with every option that does not fit the others
 */
export function auditStreamOf(options: NatsOptions): NatsAccess {
  if (options.nats === "")
    throw usageError("--nats (SIGNET_NATS_URL) is empty: such a service keeps its events in its spool, in no stream");
  return natsAccessOf(options);
}

/** The failure of a command that could not read the stream. */
export function unreadStream(error: unknown, options: NatsOptions): Failure {
  if (error instanceof Failure) return error;
  // NATS was not asked: a file of this client is what can't be used.
  if (error instanceof StartError)
    return new Failure({ code: "FILE", message: error.message }, EXIT.failed, { cause: error });
  const message = redact(`cannot read audit events from NATS at ${options.nats}: ${reasonOf(error, options)}`);
  return new Failure({ code: "UNAVAILABLE", message }, EXIT.failed, { cause: error });
}

function reasonOf(error: unknown, options: NatsOptions): string {
  if (error instanceof SinkError && error.code === "DISCONNECTED") return withOptions(error.message, options);
  return error instanceof Error ? error.message : String(error);
}
