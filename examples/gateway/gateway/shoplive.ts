import type { IncomingMessage, ServerResponse } from "node:http";
import { VerifyTokenRequest, type VerifyTokenResponse } from "../gen/signet/v1/token.ts";
import { reasonOf } from "../signet/verdict.ts";
import { answer, Refused } from "../web/http.ts";
import { log } from "../web/log.ts";
import { bodyOf, carrierOf } from "./carrier.ts";
import type { Gateway } from "./gateway.ts";
import { playerPage } from "./player-page.ts";
import { reject } from "./reject.ts";

const VENDOR = "shoplive";

/** The entry restrictions of the campaigns. */
const CAMPAIGNS: ReadonlyMap<string, Readonly<Record<string, unknown>>> = new Map([
  ["open-show", {}],
  ["vip-show", { user_types: ["VIP"] }],
]);

/** `GET /player/CAMPAIGN?tk=TOKEN` is the player as a page, `POST /enter/CAMPAIGN` with `userJWT` its own call. */
export async function handleShoplive(
  request: IncomingMessage,
  response: ServerResponse,
  gateway: Gateway,
  [resource, campaign = "", ...more]: readonly string[],
): Promise<void> {
  const restrictions = CAMPAIGNS.get(campaign);
  if (restrictions === undefined || more.length > 0) throw new Refused(404, "not found");
  const enter = async (body: Parameters<typeof carrierOf>[2]) => {
    const { carriers } = await gateway.profiles.get(VENDOR);
    const credential = { $case: "carrier", value: carrierOf(request, carriers, body) } as const;
    return gateway.signet.verifyToken(
      VerifyTokenRequest.fromPartial({ profile: VENDOR, credential, context: restrictions }),
    );
  };
  if (resource === "player" && request.method === "GET")
    return showPlayer(response, gateway, campaign, await enter([]));
  if (resource !== "enter" || request.method !== "POST") throw new Refused(404, "not found");
  const { rejection, claims } = await enter(await bodyOf(request));
  if (rejection) reject(response, VENDOR, rejection);
  else answer(response, 200, { campaign, name: claims?.name ?? claims?.userId });
}

function showPlayer(
  response: ServerResponse,
  { origins }: Gateway,
  campaign: string,
  verdict: VerifyTokenResponse,
): void {
  const { rejection, claims } = verdict;
  if (rejection) log("rejected", { vendor: VENDOR, reason: reasonOf(rejection) });
  const name = String(claims?.name ?? claims?.userId ?? "");
  const embedders = ["'self'", ...origins].join(" ");
  response.writeHead(rejection ? rejection.httpStatus || 401 : 200, {
    "content-type": "text/html; charset=utf-8",
    "cache-control": "no-store",
    // The address of this page holds the token.
    "referrer-policy": "no-referrer",
    "content-security-policy": `default-src 'none'; style-src 'self'; frame-ancestors ${embedders}`,
  });
  response.end(
    playerPage(campaign, rejection ? { refused: reasonOf(rejection), message: rejection.message } : { name }),
  );
}
