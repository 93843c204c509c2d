import { type ConnectionOptions, type NatsConnection, connect as open } from "nats";
import { apiCode, MESSAGE_NOT_FOUND, STREAM_NOT_FOUND } from "../../../src/nats/errors.ts";
import { HANGS_MS } from "../bounded.ts";

/** A request that was lost with its connection gets no answer: what waits for one has the time to ask a few times. */
const REQUEST_MS = HANGS_MS / 4;

/**
 * A test's own connection. The library gives up requests after one to five seconds, in which a busy machine may have
 * given the server no turn.
 */
export async function connect(options: ConnectionOptions): Promise<NatsConnection> {
  const connection = await open({ timeout: HANGS_MS, ...options });
  const { jetstream, jetstreamManager, request } = connection;
  return Object.assign(connection, {
    jetstream: (more = {}) => jetstream.call(connection, { timeout: REQUEST_MS, ...more }),
    jetstreamManager: (more = {}) => jetstreamManager.call(connection, { timeout: REQUEST_MS, ...more }),
    request: (subject, payload, more) => request.call(connection, subject, payload, { timeout: REQUEST_MS, ...more }),
  } satisfies Partial<NatsConnection>);
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
