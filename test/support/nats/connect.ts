import { type ConnectionOptions, type NatsConnection, NatsError, connect as open } from "nats";
import { apiCode, MESSAGE_NOT_FOUND, STREAM_NOT_FOUND } from "../../../src/nats/errors.ts";
import { HANGS_MS } from "../bounded.ts";

/** A request that was lost with its connection gets no answer: it is made again after this time. */
const AGAIN_MS = HANGS_MS / 4;

/**
 * A test's own connection. The library gives up requests after one to five seconds, in which a busy machine may have
 * given the server no turn, and a disk that stalls keeps it from answering for longer.
 */
export async function connect(options: ConnectionOptions): Promise<NatsConnection> {
  const connection = await open({ timeout: HANGS_MS, ...options });
  const { jetstream, jetstreamManager, request } = connection;
  return Object.assign(connection, {
    jetstream: (more = {}) => jetstream.call(connection, { timeout: HANGS_MS, ...more }),
    jetstreamManager: (more = {}) => jetstreamManager.call(connection, { timeout: HANGS_MS, ...more }),
    async request(subject, payload, { timeout, ...more } = { timeout: HANGS_MS }) {
      for (let left = timeout; ; left -= AGAIN_MS) {
        try {
          return await request.call(connection, subject, payload, { ...more, timeout: Math.min(left, AGAIN_MS) });
        } catch (error) {
          if (!isTimeout(error) || left <= AGAIN_MS) throw error;
        }
      }
    },
  } satisfies Partial<NatsConnection>);
}

function isTimeout(error: unknown): boolean {
  return error instanceof NatsError && error.code === "TIMEOUT";
}

/** The answer; undefined only where NATS says that there is no such stream or message. */
export async function ifThere<Answer>(asked: Promise<Answer>): Promise<Answer | undefined> {
  try {
    return await asked;
  } catch (error) {
    if ([STREAM_NOT_FOUND, MESSAGE_NOT_FOUND].includes(apiCode(error) ?? 0)) return undefined;
    throw error;
  }
}
