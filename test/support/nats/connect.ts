import { type ConnectionOptions, type NatsConnection, connect as open } from "nats";
import { apiCode, MESSAGE_NOT_FOUND, STREAM_NOT_FOUND } from "../../../src/nats/errors.ts";
import { HANGS_MS } from "../bounded.ts";

/**
 * A test's own connection. The library gives up requests after one to five seconds, in which a busy machine may have
 * given the server no turn: here they are bounded as all that could hang.
 */
export async function connect(options: ConnectionOptions): Promise<NatsConnection> {
  const connection = await open({ timeout: HANGS_MS, ...options });
  const { jetstream, jetstreamManager, request } = connection;
  return Object.assign(connection, {
    jetstream: (more = {}) => jetstream.call(connection, { timeout: HANGS_MS, ...more }),
    jetstreamManager: (more = {}) => jetstreamManager.call(connection, { timeout: HANGS_MS, ...more }),
    request: (subject, payload, more) => request.call(connection, subject, payload, { timeout: HANGS_MS, ...more }),
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
