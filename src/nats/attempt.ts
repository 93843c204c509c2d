import { headers, type MsgHdrs, type NatsConnection, NatsError } from "nats";
import { type BucketName, STATE_BUCKET } from "./bucket/name.ts";
import { denialText, reasonOf } from "./errors.ts";

/** A request that JetStream answers without storing or changing anything. */
export interface Attempt {
  readonly subject: string;
  readonly body?: object;
  readonly headers?: MsgHdrs;
}

/** Where no event and no entry ever is. */
export const UNUSED_EVENT = "signet.audit.config-check";
export const UNUSED_KEY = unusedKeyOf(STATE_BUCKET);

const REQUEST_MS = 10_000;
const WAY_OUT = "give the user this permission, as examples/nats/accounts.conf does";

export function unusedKeyOf({ root }: BucketName): string {
  return `${root}config-check`;
}

/** No stream has the name that this message expects, so it is refused. */
export function storing(subject: string): Attempt {
  const expecting = headers();
  expecting.set("Nats-Expected-Stream", "signet-config-check");
  return { subject, headers: expecting };
}

/** Why the server refused to pass a request on, with the way out. What JetStream then says of it does not matter. */
export async function denialOf(connection: NatsConnection, attempt: Attempt): Promise<string | undefined> {
  const { subject, body, headers: sent } = attempt;
  const payload = body === undefined ? "" : JSON.stringify(body);
  try {
    await connection.request(subject, payload, { timeout: REQUEST_MS, ...(sent && { headers: sent }) });
    return undefined;
  } catch (error) {
    if (!(error instanceof NatsError)) throw error;
    if (error.permissionContext !== undefined) return `${denialText(error.permissionContext)}: ${WAY_OUT}`;
    return error.code === "503" ? undefined : `a request to ${subject}: ${reasonOf(error)}`;
  }
}
