import { list, text } from "../proto-json.ts";
import { event } from "./event-type.ts";

/** What a reload changed. */
export type ChangedPart = "profiles" | "policy" | "shadow" | "grpc.tls" | "http.tls";

export const SERVICE_EVENTS = {
  "configuration.changed": event(
    "configurationChanged",
    (changed: {
      readonly configHash: string;
      readonly policyDigest: string;
      readonly profiles: readonly string[];
      /** The profiles that the configuration takes out of service, and those that a file of the operator replaces. */
      readonly disabled: readonly string[];
      readonly replaced: readonly string[];
      readonly parts: readonly ChangedPart[];
    }) => ({
      configHash: text(changed.configHash),
      profiles: list(changed.profiles),
      disabled: list(changed.disabled),
      replaced: list(changed.replaced),
      policyDigest: text(changed.policyDigest),
      parts: list(changed.parts),
    }),
  ),
  "service.started": event(
    "serviceStarted",
    (started: {
      readonly version: string;
      readonly configHash: string;
      /** What was missing from the data folder, as the operator named it. */
      readonly acceptedLosses: readonly string[];
    }) => ({
      version: text(started.version),
      configHash: text(started.configHash),
      acceptedLosses: list(started.acceptedLosses),
    }),
  ),
  "service.stopped": event("serviceStopped", (stopped: { readonly reason: string }) => ({
    reason: text(stopped.reason),
  })),
};
