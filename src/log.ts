import pino from "pino";
import type { AuditErrorCode } from "./audit/event.ts";

/**
 * Everything that may be logged: an allow-list of events with typed fields. There is no free text and no request in it, so
 * that no token, key or personal claim can reach a log.
 */
export type LogEvent =
  | { readonly event: "ready"; readonly grpc: string; readonly http: string; readonly nats: string; readonly version: string }
  | { readonly event: "stopping"; readonly signal: string }
  | { readonly event: "stopped" }
  | { readonly event: "kek.created"; readonly file: string }
  | { readonly event: "keys.rotated"; readonly keyset: string; readonly epoch: number; readonly added: readonly string[]; readonly removed: readonly string[]; readonly reason: string }
  | { readonly event: "keys.problem"; readonly keyset: string; readonly problem: string; readonly error?: unknown }
  | { readonly event: "audit.problem"; readonly problem: string; readonly code?: AuditErrorCode; readonly error?: unknown }
  | { readonly event: "nats.connected" | "nats.disconnected"; readonly server: string }
  | { readonly event: "call.failed"; readonly method: string; readonly error: unknown };
