import type { VerifyBatches } from "../signet/batches.ts";
import type { Signet } from "../signet/client.ts";
import type { Profiles } from "../signet/profiles.ts";
import type { Sessions } from "../signet/sessions.ts";

/** What the parts of the gateway share. */
export interface Gateway {
  readonly signet: Signet;
  readonly sessions: Sessions;
  readonly profiles: Profiles;
  readonly batches: VerifyBatches;
  /** The origins of the pages that may use this gateway from a browser. */
  readonly origins: ReadonlySet<string>;
  /** The tenant that the Hivekit part serves. */
  readonly hivekitTenant: string;
}
