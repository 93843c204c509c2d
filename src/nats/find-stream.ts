import type { JetStreamManager, StreamInfo } from "nats";
import { apiCode, STREAM_NOT_FOUND } from "./errors.ts";

/** The stream's current state; undefined when there is none. */
export async function findStream(manager: JetStreamManager, name: string): Promise<StreamInfo | undefined> {
  try {
    return await manager.streams.info(name);
  } catch (error) {
    if (apiCode(error) === STREAM_NOT_FOUND) return undefined;
    throw error;
  }
}
