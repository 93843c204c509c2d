import test from "ava";
import fc from "fast-check";
import { IssueTokenResponse, VerifyTokenResponse } from "../../../src/gen/signet/v1/token.ts";
import { encodeIssueTokenResponse, encodeVerifyTokenResponse } from "../../../src/grpc/wire/encode-response.ts";

const text = fc.string({ unit: "grapheme", maxLength: 40 });
const date = fc.option(
  fc.integer({ min: 0, max: 253_402_300_799 }).map((seconds) => new Date(seconds * 1000)),
  { nil: undefined },
);
const name = text.filter((name) => name !== "__proto__");
const json = fc.letrec((tie) => ({
  value: fc.oneof(
    { depthSize: "small" },
    fc.constant(null),
    fc.boolean(),
    fc.double({ noNaN: true }),
    fc.integer(),
    text,
    fc.array(tie("value"), { maxLength: 4 }),
    fc.dictionary(name, tie("value"), { maxKeys: 4 }),
  ),
})).value;
const claims = fc.option(fc.dictionary(name, json, { maxKeys: 8 }), { nil: undefined });

const duration = fc.option(
  fc.record({ seconds: fc.bigInt({ min: 0n, max: 315_576_000_000n }), nanos: fc.nat({ max: 999_999_999 }) }),
  { nil: undefined },
);
const warnings = fc.array(fc.record({ code: text, message: text }), { maxLength: 3 });

const issued = fc.record({
  token: text,
  tokenId: text,
  keyId: text,
  profile: text,
  issuedAt: date,
  expiresAt: date,
  refreshAfter: date,
  claims,
  warnings,
  sessionMax: duration,
  idleMax: duration,
});
const verified = fc.record({
  valid: fc.boolean(),
  rejection: fc.option(
    fc.record({
      reason: fc.constantFrom(0, 3, 21),
      message: text,
      httpStatus: fc.constantFrom(0, 401),
      wwwAuthenticate: text,
      websocketCloseCode: fc.constantFrom(0, 4403),
      frame: text,
      websocketCloseReason: text,
    }),
    { nil: undefined },
  ),
  claims,
  tokenId: text,
  subject: text,
  profile: text,
  keyId: text,
  issuedAt: date,
  expiresAt: date,
  sessionDeadline: date,
  warnings,
  diagnosis: text,
  frame: text,
  revocationViewAge: duration,
  idleMax: duration,
  keyringGeneration: fc.bigInt({ min: 0n, max: 2n ** 53n - 1n }),
});

test("an issued token's answer has the bytes of the generated encoder", (t) => {
  fc.assert(
    fc.property(issued, (message) => {
      t.deepEqual(encodeIssueTokenResponse(message), Buffer.from(IssueTokenResponse.encode(message).finish()));
    }),
    { numRuns: 500 },
  );
});

test("a verdict's answer has the bytes of the generated encoder", (t) => {
  fc.assert(
    fc.property(verified, (message) => {
      const whole = message as VerifyTokenResponse;
      t.deepEqual(encodeVerifyTokenResponse(whole), Buffer.from(VerifyTokenResponse.encode(whole).finish()));
    }),
    { numRuns: 500 },
  );
});

const empty = IssueTokenResponse.fromPartial({});

test("a message that is larger than the buffer, and the one after it, are whole", (t) => {
  for (const claims of [{ large: "é".repeat(20_000) }, { a: 1 }, { larger: ["x".repeat(100_000), "y"] }, { b: 2 }])
    t.deepEqual(IssueTokenResponse.decode(encodeIssueTokenResponse({ ...empty, claims })).claims, claims);
});

test("what can't be encoded throws and leaves nothing in the next message", (t) => {
  t.throws(() => encodeIssueTokenResponse({ ...empty, claims: { a: "x", b: undefined } }), { instanceOf: TypeError });
  t.is(encodeIssueTokenResponse(empty).length, 0);
});
