import { setTimeout as pause } from "node:timers/promises";
import { HANGS_MS } from "../bounded.ts";

/**
 * Asks a service on a busy machine by HTTP, with GET by default. One that gets no turn for five seconds then ends the
 * connections on which it has read no request: it is asked again.
 */
export async function get(url: string, init?: RequestInit): Promise<Response> {
  const until = Date.now() + HANGS_MS;
  for (;;)
    try {
      return await fetch(url, init);
    } catch (error) {
      const { cause } = error as Error;
      if (Date.now() > until) throw new Error(`${url} can't be read: ${cause}`, { cause });
      await pause(5);
    }
}
