import type { IncomingHttpHeaders } from "node:http2";

const NAME = "authorization";

/**
 * Gives a call every value of an `authorization` header that it repeats, in place. Node keeps the first one alone, and
 * a proxy in front may have checked another: with all of them, the call is refused.
 *
 * @param raw Names and values by turns, as they came.
 */
export function keepEveryAuthorization(headers: IncomingHttpHeaders, raw: readonly string[]): void {
  const values = raw.filter((_, index) => index % 2 === 1 && raw[index - 1] === NAME);
  if (values.length > 1) Object.assign(headers, { [NAME]: values });
}
