import { type ConnectionOptions, connect, type NatsConnection } from "nats";

/**
 * Connects as the library does, but keeps it from writing to the console in this thread, permanently: it prints the
 * errors that its reader meets. They would stand between the lines of the log, or in the output of a command, and may
 * hold anything that came from the server. The connection ends all the same, at the latest when no ping is answered.
 */
export function connectQuietly(options: ConnectionOptions): Promise<NatsConnection> {
  console.log = ignore;
  console.error = ignore;
  return connect(options);
}

function ignore(): void {}
