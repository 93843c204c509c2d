import type { IncomingMessage, ServerResponse } from "node:http";

/**
 * The places of a token that count for a request. A browser sends a cookie along with the requests of any page, so that
 * of a foreign page does not.
 */
export function placesFor<Place extends { readonly in: string }>(
  request: IncomingMessage,
  places: readonly Place[],
  origins: ReadonlySet<string>,
): readonly Place[] {
  const isForeign = request.headers.origin !== undefined && !origins.has(request.headers.origin);
  return isForeign ? places.filter((place) => place.in !== "cookie") : places;
}

/** Lets the known pages read the answer (CORS). */
export function allowOrigin(
  { headers }: IncomingMessage,
  response: ServerResponse,
  origins: ReadonlySet<string>,
): void {
  response.setHeader("vary", "origin");
  if (headers.origin === undefined || !origins.has(headers.origin)) return;
  response.setHeader("access-control-allow-origin", headers.origin);
  response.setHeader("access-control-allow-methods", "GET, POST, PUT, DELETE");
  response.setHeader("access-control-allow-headers", "authorization, content-type");
  response.setHeader("access-control-expose-headers", "www-authenticate, retry-after");
}
