import { dialect } from "../profiles/dialect.ts";
import type { Service } from "../service/service.ts";

/** A token of Euler Stream that allows so many connections, for any creator, and may open them for so many seconds. */
export async function eulerToken(service: Service, maxWebSockets: number, expireAfter = 60) {
  const websockets = { allowedCreators: null, maxWebSockets };
  return dialect(service, "euler-stream").issue({ accountId: "account-7", expireAfter, websockets });
}
