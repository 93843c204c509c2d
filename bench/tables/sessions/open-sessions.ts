import { type Clients, Gateway } from "./gateway.ts";
import { inParallel } from "./in-parallel.ts";

export const SESSIONS_A_GATEWAY = 5_000;
const AT_ONCE = 32;

/** Sessions that are open as long as they are renewed. */
interface OpenSessions {
  readonly gateways: number;
  /** Throws when the service knows other sessions than were opened. */
  renewAll(): Promise<void>;
}

/** Opens sessions as gateways do, each of which holds up to 5000. */
export async function openSessions(clients: Clients, count: number): Promise<OpenSessions> {
  const gateways: Gateway[] = [];
  const renewAll = async () => {
    for (const gateway of gateways) await gateway.renew();
  };
  for (let left = count; left > 0; left -= SESSIONS_A_GATEWAY) {
    const gateway = new Gateway(clients);
    gateways.push(gateway);
    await gateway.renew();
    const tokens = await clients.tokens(Math.min(left, SESSIONS_A_GATEWAY));
    await inParallel(tokens.length, AT_ONCE, (index) => gateway.open(tokens[index] ?? ""));
    await renewAll();
  }
  return { gateways: gateways.length, renewAll };
}
