import type { IncomingMessage, ServerResponse } from "node:http";
import { VerifyTokenRequest } from "../gen/signet/v1/token.ts";
import { answer, Refused } from "../web/http.ts";
import { carrierOf } from "./carrier.ts";
import type { Gateway } from "./gateway.ts";
import { reject } from "./reject.ts";

const VENDOR = "reactive";

const views = new Map<string, number>();

/** `POST /api/v1/view-counts/STREAM`: counts a view of a stream. A viewer sends about five a second. */
export async function handleReactive(
  request: IncomingMessage,
  response: ServerResponse,
  gateway: Gateway,
  [api, version, resource, stream, ...more]: readonly string[],
): Promise<void> {
  const isKnown = api === "api" && version === "v1" && resource === "view-counts" && more.length === 0;
  if (!isKnown || !stream) throw new Refused(404, "not found");
  if (request.method !== "POST") throw new Refused(405, "allowed: POST");
  const { carriers } = await gateway.profiles.get(VENDOR);
  const { rejection, warnings } = await gateway.batches.verify(
    VerifyTokenRequest.fromPartial({
      profile: VENDOR,
      audience: stream,
      credential: { $case: "carrier", value: carrierOf(request, carriers) },
      context: { ip: request.socket.remoteAddress },
    }),
  );
  if (rejection) return reject(response, VENDOR, rejection);
  const count = (views.get(stream) ?? 0) + 1;
  views.set(stream, count);
  answer(response, 200, {
    stream,
    views: count,
    warnings: warnings.map(({ code }) => code),
    batches: gateway.batches.stats,
  });
}
