import type { Closing } from "./closing.ts";
import type { Counters } from "./counter/counters.ts";
import type { Leases } from "./lease/leases.ts";
import type { SessionParts } from "./parts.ts";
import type { SessionView } from "./view/view.ts";

/** What the calls work with. */
export interface SessionContext extends SessionParts {
  readonly view: SessionView;
  readonly leases: Leases;
  readonly counters: Counters;
  readonly closing: Closing;
}
