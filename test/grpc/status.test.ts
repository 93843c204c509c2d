import test from "ava";
import { toServiceError } from "../../src/grpc/status.ts";
import { invalidRequest, Problem, type ProblemCode } from "../../src/problem/problem.ts";
import { readError } from "../support/service/rich-error.ts";

for (const [reason, code] of [
  ["UNDECODABLE", "INVALID_ARGUMENT"],
  ["INVALID_REQUEST", "INVALID_ARGUMENT"],
  ["PROFILE_NOT_FOUND", "NOT_FOUND"],
  ["KEYSET_NOT_FOUND", "NOT_FOUND"],
  ["TTL_BEYOND_KEY", "FAILED_PRECONDITION"],
  ["KEY_NOT_IMPORTED", "FAILED_PRECONDITION"],
  ["REQUEST_ID_REUSED", "ALREADY_EXISTS"],
  ["NO_SESSIONS", "FAILED_PRECONDITION"],
  ["CONNECTION_OPEN", "ALREADY_EXISTS"],
  ["NO_SIGNING_KEY", "UNAVAILABLE"],
  ["SESSIONS_UNAVAILABLE", "UNAVAILABLE"],
  ["KEYS_UNAVAILABLE", "UNAVAILABLE"],
  ["AUDIT_FULL", "UNAVAILABLE"],
  ["AUDIT_UNAVAILABLE", "UNAVAILABLE"],
  ["AUDIT_NOT_FORWARDED", "UNAVAILABLE"],
] as const satisfies readonly (readonly [ProblemCode, string])[]) {
  test(`the problem ${reason} leaves as ${code} with its reason and message`, (t) => {
    const error = readError(toServiceError(new Problem(reason, "what was wrong")));
    t.like(error, { code, reason, message: "what was wrong", violations: [], retryAfterMs: undefined });
  });
}

for (const [what, thrown] of [
  ["an error", new Error("password is hunter2")],
  ["an error that looks like one of gRPC", Object.assign(new Error("hunter2"), { code: 5, details: "hunter2" })],
  ["an error whose cause is a problem", new Error("hunter2", { cause: new Problem("UNDECODABLE", "hunter2") })],
  ["a text", "hunter2"],
  ["nothing", undefined],
  ["null", null],
] as const) {
  test(`${what} leaves as the constant "internal error" and shows nothing of its cause`, (t) => {
    const error = toServiceError(thrown);
    t.like(readError(error), { code: "INTERNAL", message: "internal error", reason: undefined, detailBytes: 0 });
    t.notRegex(JSON.stringify([error, error.message, error.metadata.toJSON(), error.cause]), /hunter2/);
  });
}

test("the time to retry leaves as RetryInfo, to the millisecond", (t) => {
  const problem = new Problem("NO_SIGNING_KEY", "no key may sign now", { retryAfterMs: 1_250 });
  t.is(readError(toServiceError(problem)).retryAfterMs, 1_250);
});

test("every violation leaves, with its field and description, in order", (t) => {
  const violations = violationsOf(32, "is required");
  t.deepEqual(readError(toServiceError(invalidRequest(violations))).violations, violations);
});

test("more than 32 violations leave as the first 32", (t) => {
  const violations = violationsOf(33, "is required");
  t.deepEqual(readError(toServiceError(invalidRequest(violations))).violations, violations.slice(0, 32));
});

test("violations that are too large leave as the first of them, within 4 KiB", (t) => {
  const violations = violationsOf(32, "x".repeat(300));
  const error = readError(toServiceError(invalidRequest(violations)));
  t.true(error.detailBytes <= 4096, `${error.detailBytes} bytes`);
  t.deepEqual(error.violations, violations.slice(0, 8));
});

test("names of any length in any script keep the whole trailer below the 8 KiB that clients accept", (t) => {
  // The longest path that a request can have: eight levels of names that were cut to 64 characters.
  const field = `claims${`.${"鍵".repeat(64)}`.repeat(8)}`;
  const violations = Array.from({ length: 40 }, () => ({ field, description: "is not an allowed name" }));
  const error = toServiceError(invalidRequest(violations));
  const { detailBytes, violations: shown, reason } = readError(error);
  t.true(detailBytes <= 4096, `${detailBytes} bytes of details`);
  // A header is percent-encoded (gRPC over HTTP/2, Status-Message), a binary one is base64.
  const trailer = encodeURI(error.details).length + Math.ceil((detailBytes / 3) * 4);
  t.true(trailer <= 8000, `${trailer} bytes in all`);
  t.is(reason, "INVALID_REQUEST");
  t.is(shown[0]?.field, field);
});

function violationsOf(count: number, description: string) {
  return Array.from({ length: count }, (_, index) => ({ field: `claims.name${index}`, description }));
}
