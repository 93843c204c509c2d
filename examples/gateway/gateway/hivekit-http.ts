import type { IncomingMessage, ServerResponse } from "node:http";
import { VerifyTokenRequest } from "../gen/signet/v1/token.ts";
import { answer, Refused } from "../web/http.ts";
import { bodyOf, carrierOf } from "./carrier.ts";
import type { Gateway } from "./gateway.ts";
import { placesFor } from "./origins.ts";
import { reject } from "./reject.ts";

const VENDOR = "hivekit";

/** The right that each method needs. */
const OPERATIONS: Readonly<Record<string, string>> = { GET: "R", POST: "C", PUT: "U", DELETE: "D" };

/** `GET /v1/realms/london/objects/deliveryRiders/x`: an object, if the token gives the right to it. */
export async function handleHivekit(
  request: IncomingMessage,
  response: ServerResponse,
  gateway: Gateway,
  [version, realms, realm, objects, ...id]: readonly string[],
): Promise<void> {
  if (version !== "v1" || realms !== "realms" || objects !== "objects" || id.length === 0)
    throw new Refused(404, "not found");
  const operation = OPERATIONS[request.method ?? ""];
  if (operation === undefined) throw new Refused(405, "allowed: GET, POST, PUT, DELETE");
  const { carriers } = await gateway.profiles.get(VENDOR);
  const places = placesFor(request, carriers, gateway.origins);
  const body = request.headers["content-type"] === undefined ? [] : await bodyOf(request);
  const { rejection, subject } = await gateway.signet.verifyToken(
    VerifyTokenRequest.fromPartial({
      profile: VENDOR,
      tenant: gateway.hivekitTenant,
      credential: { $case: "carrier", value: carrierOf(request, places, body) },
      context: { realm, id: id.join("/"), operation },
    }),
  );
  if (rejection) reject(response, VENDOR, rejection);
  else answer(response, 200, { realm, id: id.join("/"), operation, subject });
}
