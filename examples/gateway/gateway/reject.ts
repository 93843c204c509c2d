import type { ServerResponse } from "node:http";
import type { Rejection } from "../gen/signet/v1/token.ts";
import { reasonOf } from "../signet/verdict.ts";
import { answer } from "../web/http.ts";
import { log } from "../web/log.ts";

/** Answers as the profile shows a rejection over HTTP. A profile without an HTTP surface leaves it to the gateway. */
export function reject(response: ServerResponse, vendor: string, rejection: Rejection, message?: string): void {
  const status = rejection.httpStatus || 401;
  const challenge = rejection.wwwAuthenticate;
  log("rejected", { vendor, reason: reasonOf(rejection), status });
  answer(
    response,
    status,
    { error: reasonOf(rejection), message: message ?? rejection.message },
    challenge === "" ? {} : { "www-authenticate": challenge },
  );
}
