import type { IncomingMessage, ServerResponse } from "node:http";
import { VerifyTokenRequest } from "../gen/signet/v1/token.ts";
import { answer, Refused } from "../web/http.ts";
import { bodyOf, carrierOf } from "./carrier.ts";
import type { Gateway } from "./gateway.ts";
import { reject } from "./reject.ts";

const VENDOR = "viasocket";

/**
 * `/orgs/ORG/projects/PROJECT/users/USER/flows`: the flows of one user of a project. The embed posts its `embedToken`;
 * the REST call shows the token in `authorization`, with or without a scheme.
 */
export async function handleViasocket(
  request: IncomingMessage,
  response: ServerResponse,
  gateway: Gateway,
  [orgs, org_id, projects, project_id, users, user_id, flows]: readonly string[],
): Promise<void> {
  if (orgs !== "orgs" || projects !== "projects" || users !== "users" || flows !== "flows")
    throw new Refused(404, "not found");
  if (request.method !== "GET" && request.method !== "POST") throw new Refused(405, "allowed: GET, POST");
  const { carriers } = await gateway.profiles.get(VENDOR);
  const body = request.method === "POST" ? await bodyOf(request) : [];
  const { rejection, warnings } = await gateway.signet.verifyToken(
    VerifyTokenRequest.fromPartial({
      profile: VENDOR,
      credential: { $case: "carrier", value: carrierOf(request, carriers, body) },
      context: { org_id, project_id, user_id },
    }),
  );
  // What the embed shows its user; why is in the log.
  if (rejection) return reject(response, VENDOR, rejection, "Could not load");
  const flowsOfUser = ["New order → invoice", "New lead → CRM", "Refund → message to the team"];
  answer(response, 200, { flows: flowsOfUser, warnings: warnings.map(({ code }) => code) });
}
