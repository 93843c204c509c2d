import { waitUntil } from "../wait-until.ts";

/** What an open is told, by its code, while the store of sessions is not reached: code 14 of gRPC. */
export const UNAVAILABLE = "14";

/**
 * What an open is told by a replica that reaches its store in time, and knows what that holds. Repeated under the name
 * of the same connection, an open is no other one.
 */
export async function toldOnceKnown(connect: () => Promise<string>): Promise<string> {
  let told = UNAVAILABLE;
  await waitUntil("the replica knows its bucket", async () => {
    told = await connect();
    return told !== UNAVAILABLE;
  });
  return told;
}
