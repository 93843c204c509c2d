/** What clients may take of the server, over all its listeners. */
export interface ConnectionLimits {
  readonly maxConnections: number;
  /** Calls and streams, whether a handler has seen them or not. */
  readonly maxOpenCalls: number;
  /** Answers that the client of one connection has not read, in bytes. */
  readonly maxUnreadBytes: number;
  /** Requests and answers that the process holds for all connections, in bytes. */
  readonly maxBufferedBytes: number;
  readonly maxMessageBytes: number;
  /** The longest that a call may take, unless it streams. Whole milliseconds. */
  readonly maxDeadlineMs: number;
  /** How long a connection lives; each one up to a tenth shorter or longer. */
  readonly maxConnectionAgeMs: number;
  /** How long the calls of a connection may then take to end. */
  readonly ageGraceMs: number;
}

/** The configuration key of a limit. */
export type Limit =
  | "grpc.max_connections"
  | "grpc.max_open_calls"
  | "grpc.max_unread_bytes"
  | "grpc.max_buffered_bytes";
