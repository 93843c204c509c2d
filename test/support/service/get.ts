import { setTimeout as pause } from "node:timers/promises";
import { HANGS_MS } from "../bounded.ts";

/** How a connection ends on which a service has read no request. */
const UNREAD = ["ECONNREFUSED", "ECONNRESET"];

/**
 * Asks a service on a busy machine by HTTP, with GET by default. One that gets no turn for five seconds then ends the
 * connections on which it has read no request: it is asked again. What is not read may have had an effect, and is only
 * asked again after such an end.
 */
export async function get(url: string, init: RequestInit = {}): Promise<Response> {
  const until = Date.now() + HANGS_MS;
  for (;;)
    try {
      return await fetch(url, init);
    } catch (error) {
      const { cause } = error as { readonly cause?: { readonly code?: string } };
      const again = (init.method ?? "GET") === "GET" || UNREAD.includes(cause?.code ?? "");
      if (!again || Date.now() > until) throw new Error(`${url} can't be asked: ${cause}`, { cause });
      await pause(5);
    }
}
