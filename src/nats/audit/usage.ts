import type { JetStreamManager, NatsConnection, StreamInfo } from "nats";
import type { StreamUsage } from "../../audit/forward/sink.ts";
import { isDenied } from "./streams.ts";

/** Connections whose user may not ask for the limits of its account: the server logs each attempt. */
const DENIED = new WeakSet<NatsConnection>();

/**
 * How full the stream that takes the events is. Its limit is its own, or that of the account: JetStream tells no client
 * how large its disk is. Never rejects.
 */
export async function usageOf(
  connection: NatsConnection,
  manager: JetStreamManager,
  { config, state }: StreamInfo,
): Promise<StreamUsage> {
  const { bytes, messages } = state;
  const own = config.max_bytes > 0 ? config.max_bytes : Number.POSITIVE_INFINITY;
  const limit = Math.min(own, bytes + (await roomInAccount(connection, manager)));
  return {
    bytes,
    messages,
    oldestTime: messages === 0 ? undefined : Date.parse(state.first_ts),
    limitBytes: Number.isFinite(limit) ? limit : undefined,
  };
}

/** How many bytes the account may still store; infinity where it has no limit, or does not say. */
async function roomInAccount(connection: NatsConnection, manager: JetStreamManager): Promise<number> {
  if (DENIED.has(connection)) return Number.POSITIVE_INFINITY;
  try {
    const { storage, limits } = await manager.getAccountInfo();
    return limits.max_storage > 0 ? Math.max(0, limits.max_storage - storage) : Number.POSITIVE_INFINITY;
  } catch (error) {
    if (isDenied(error)) DENIED.add(connection);
    return Number.POSITIVE_INFINITY;
  }
}
