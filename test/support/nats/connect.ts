import { type ConnectionOptions, type NatsConnection, connect as open } from "nats";
import { apiCode, isUnanswered, MESSAGE_NOT_FOUND, STREAM_NOT_FOUND } from "../../../src/nats/errors.ts";
import { HANGS_MS } from "../bounded.ts";

/** How long the library waits for an answer of JetStream unless it is told otherwise. */
const LIBRARY_MS = 5_000;

/** So often, every two seconds, a lost connection is dialled again: until anything that is restarted must be there. */
const DIALS = HANGS_MS / 2_000;

/**
 * A request that was lost with its connection gets no answer, and neither does a client that a server under load has cut
 * off, because it was slow to prove itself: both are tried again after this time.
 */
const AGAIN_MS = HANGS_MS / 4;

/**
 * A test's own connection. The library gives up requests after one to five seconds, in which a busy machine may have
 * given the server no turn, and a disk that stalls keeps it from answering for longer: only what is to be given up
 * sooner than by the library is given up before anything hangs.
 */
export async function connect(options: ConnectionOptions): Promise<NatsConnection> {
  const connection = await again(options.timeout ?? HANGS_MS, (timeout) =>
    open({ maxReconnectAttempts: DIALS, ...options, timeout }),
  );
  const { jetstream, jetstreamManager, request } = connection;
  return Object.assign(connection, {
    jetstream: (more = {}) => jetstream.call(connection, { timeout: HANGS_MS, ...more }),
    jetstreamManager: (more = {}) => jetstreamManager.call(connection, { timeout: HANGS_MS, ...more }),
    request: (subject, payload, { timeout, ...more } = { timeout: HANGS_MS }) =>
      again(timeout < LIBRARY_MS ? timeout : HANGS_MS, (part) =>
        request.call(connection, subject, payload, { ...more, timeout: part }),
      ),
  } satisfies Partial<NatsConnection>);
}

/** Asks until there is an answer, or the time is over. */
async function again<Answer>(ms: number, ask: (timeout: number) => Promise<Answer>): Promise<Answer> {
  for (let left = ms; ; left -= AGAIN_MS) {
    try {
      return await ask(Math.min(left, AGAIN_MS));
    } catch (error) {
      if (!isUnanswered(error) || left <= AGAIN_MS) throw error;
    }
  }
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
