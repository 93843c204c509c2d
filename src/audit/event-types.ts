import { ACCESS_EVENTS } from "./events/access.ts";
import { KEY_EVENTS } from "./events/key.ts";
import { RETIRED_WRITER_EVENTS } from "./events/retired-writer.ts";
import { SERVICE_EVENTS } from "./events/service.ts";
import { SESSION_EVENTS } from "./events/session.ts";
import { SIGNATURE_EVENTS } from "./events/signatures.ts";
import { TOKEN_EVENTS } from "./events/token.ts";
import { WRITER_EVENTS } from "./events/writer.ts";

/** Every type of event: what one says, and how it is written. A new one is written in one of these, and nowhere else. */
export const EVENT_TYPES = {
  ...TOKEN_EVENTS,
  ...SESSION_EVENTS,
  ...ACCESS_EVENTS,
  ...KEY_EVENTS,
  ...SERVICE_EVENTS,
  ...SIGNATURE_EVENTS,
  ...RETIRED_WRITER_EVENTS,
  ...WRITER_EVENTS,
};

export type AuditEventType = keyof typeof EVENT_TYPES;

/** What happened. Times are Unix milliseconds. */
export type AuditFact = {
  readonly [Type in AuditEventType]: { readonly type: Type } & Parameters<(typeof EVENT_TYPES)[Type]["encode"]>[0];
}[AuditEventType];
