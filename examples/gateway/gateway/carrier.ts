import type { IncomingMessage } from "node:http";
import type { ProfileCarrier } from "../gen/signet/v1/profiles.ts";
import { Carrier, type Pair } from "../gen/signet/v1/token.ts";
import { addressOf, mediaTypeOf, objectIn, Refused, readBody } from "../web/http.ts";

/** Signet accepts 64 pairs from all places together. Of one place, no honest client sends as many as this. */
const MOST_PAIRS = 16;

/**
 * The parts of a request in which the profile looks for a token, and no others: Signet need not see the cookies of the
 * site. What was sent twice is here twice, so that Signet can refuse it.
 */
export function carrierOf(
  request: IncomingMessage,
  carriers: readonly ProfileCarrier[],
  body: readonly Pair[] = [],
): Carrier {
  const only = (place: string, pairs: readonly Pair[]) => {
    const places = carriers.filter((carrier) => carrier.in === place);
    const names = new Set(places.map(({ name }) => (place === "header" ? name.toLowerCase() : name)));
    return pairs.filter(({ name }) => names.has(name)).slice(0, MOST_PAIRS);
  };
  return Carrier.fromPartial({
    headers: only("header", headersOf(request)),
    query: only(
      "query",
      Array.from(addressOf(request).searchParams, ([name, value]) => ({ name, value })),
    ),
    cookies: only("cookie", cookiesOf(request)),
    body: only("body", body),
  });
}

/** Node joins headers that were sent twice; the raw list keeps them apart. Names are in lower case. */
function headersOf({ rawHeaders }: IncomingMessage): Pair[] {
  const pairs: Pair[] = [];
  for (let at = 0; at + 1 < rawHeaders.length; at += 2)
    pairs.push({ name: String(rawHeaders[at]).toLowerCase(), value: String(rawHeaders[at + 1]) });
  return pairs;
}

/** RFC 6265, 4.2: pairs with semicolons between them, a value perhaps in quotes. */
function cookiesOf({ headers }: IncomingMessage): Pair[] {
  const pairs = (headers.cookie ?? "").split(";").filter((pair) => pair.includes("="));
  return pairs.map((pair) => {
    const [name = "", ...rest] = pair.trim().split("=");
    return { name, value: decoded(rest.join("=").replace(/^"(.*)"$/, "$1")) };
  });
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** The form fields, or the top-level strings of a JSON object, of a request's body. Throws {@link Refused}. */
export async function bodyOf(request: IncomingMessage): Promise<Pair[]> {
  switch (mediaTypeOf(request)) {
    case "application/x-www-form-urlencoded":
      return Array.from(new URLSearchParams(await readBody(request)), ([name, value]) => ({ name, value }));
    case "application/json":
      return Object.entries(objectIn(await readBody(request))).flatMap(([name, value]) =>
        typeof value === "string" ? [{ name, value }] : [],
      );
    default:
      throw new Refused(415, "the body must be JSON or a form");
  }
}
