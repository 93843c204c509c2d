import type { Socket } from "node:net";

interface Handle {
  readStart(): unknown;
  readStop(): unknown;
}

/**
 * Stops the reads of a socket, or starts them again: after the one in progress, of at most 64 KiB. `pause()` and
 * `resume()` have no effect on a socket of an HTTP/2 session, which reads below it, from the private `_handle`.
 */
export function setReading(socket: Socket, isReading: boolean): void {
  const { _handle: handle } = socket as unknown as { readonly _handle?: Handle | null };
  // None once the socket was destroyed.
  if (isReading) handle?.readStart();
  else handle?.readStop();
}
