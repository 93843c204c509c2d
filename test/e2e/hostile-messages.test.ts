import test, { type ExecutionContext } from "ava";
import { IssueTokenRequest, IssueTokenResponse } from "../../src/gen/signet/v1/token.ts";
import { field, varint } from "../support/protobuf/bytes.ts";
import { rawClient } from "../support/service/raw-client.ts";
import { failureOf } from "../support/service/rich-error.ts";
import { issue, startService, verify } from "../support/service/service.ts";
import { shared } from "../support/service/shared.ts";

const ISSUE = "signet.v1.TokenService/IssueToken";
const MAX_MESSAGE = 16_384;

const listening = shared(test, (t) => startService(t, { env: { SIGNET_GRPC_MAX_MESSAGE_BYTES: String(MAX_MESSAGE) } }));

/** The service of this file, which no message may harm, a client that sends it any bytes, and the check that it answers as before. */
async function target(t: ExecutionContext) {
  const service = await listening();
  const send = rawClient(t, service.app.addresses.grpc);
  const requireHealthy = async () => t.true((await verify(service, (await issue(service)).token)).valid, "it lives on");
  return { service, send, requireHealthy };
}

const GOOD = { profile: "service", subject: "alice", audience: ["api"], claims: { scope: "a", n: [1, { b: "x" }] } };
const encoded = (request: Partial<IssueTokenRequest>) =>
  Buffer.from(IssueTokenRequest.encode(IssueTokenRequest.fromPartial(request)).finish());
const good = () => encoded(GOOD);
/** A request to which a test adds claims: a second `claims` would be refused for itself. */
const claimless = () => encoded({ ...GOOD, claims: undefined });

/** A Value that holds a Struct of one member. */
const structValue = (name: string, value: Buffer) =>
  field(5, field(1, Buffer.concat([field(1, name), field(2, value)])));
const claimsOf = (entry: Buffer) => field(6, field(1, entry));
const member = (name: string, value: Buffer) => claimsOf(Buffer.concat([field(1, name), field(2, value)]));
const TRUE = Buffer.from([0x20, 1]);

test("every truncation of a request is refused as a request or by its missing fields", async (t) => {
  const { send } = await target(t);
  const bytes = good();
  for (let length = 0; length < bytes.length; length += 1) {
    const call = send(ISSUE, bytes.subarray(0, length));
    const answer = await call.catch(() => undefined);
    // A cut between two fields is a message without the later ones.
    if (answer === undefined) t.is((await failureOf(call)).code, "INVALID_ARGUMENT", `${length} bytes`);
  }
});

for (const [what, bytes] of [
  ["a field that is cut off", Buffer.from([0x0a, 0x7f, 0x61])],
  ["a varint without an end", Buffer.alloc(20, 0xff)],
  [
    "a claims object 200 levels deep",
    member(
      "a",
      Array.from({ length: 200 }).reduce<Buffer>((value) => structValue("a", value), TRUE),
    ),
  ],
] as const) {
  test(`${what} is UNDECODABLE`, async (t) => {
    const { send, requireHealthy } = await target(t);
    const error = await failureOf(send(ISSUE, Buffer.concat([claimless(), bytes])));
    t.like(error, { code: "INVALID_ARGUMENT", reason: "UNDECODABLE" });
    t.is(({} as { polluted?: unknown }).polluted, undefined);
    await requireHealthy();
  });
}

test("__proto__ as a text is a text", async (t) => {
  const { service } = await target(t);
  const { claims } = await issue(service, { subject: "__proto__", claims: { scope: "__proto__" } });
  t.like(claims, { sub: "__proto__", scope: "__proto__" });
});

const double = (value: number) => {
  const bytes = Buffer.alloc(9, 0x11);
  bytes.writeDoubleLE(value, 1);
  return bytes;
};

for (const [what, bytes, violated] of [
  ["__proto__ as a claim", member("__proto__", structValue("polluted", TRUE)), "claims.__proto__"],
  ["__proto__ further in", member("a", structValue("__proto__", TRUE)), "claims.a.__proto__"],
  [
    "__proto__ with its value first",
    claimsOf(Buffer.concat([field(2, TRUE), field(1, "__proto__")])),
    "claims.__proto__",
  ],
  [
    "__proto__ with a length in more bytes than it needs",
    claimsOf(Buffer.concat([Buffer.from("\x0a\x89\0__proto__", "latin1"), field(2, TRUE)])),
    "claims.__proto__",
  ],
  [
    "__proto__ with a tag in more bytes than it needs",
    claimsOf(Buffer.concat([Buffer.from("\x8a\0\x09__proto__", "latin1"), field(2, structValue("a", TRUE))])),
    "claims.__proto__",
  ],
  ["NaN as a claim", member("n", double(Number.NaN)), "claims.n"],
  ["infinity as a claim", member("n", double(Number.POSITIVE_INFINITY)), "claims.n"],
  ["a number that no integer can represent exactly", member("n", double(2 ** 53)), "claims.n"],
  ["a ttl of 2^63 - 1 seconds", field(5, Buffer.from("08ffffffffffffffff7f", "hex")), "ttl"],
  ["a ttl of -2^63 seconds", field(5, Buffer.from("0880808080808080808001", "hex")), "ttl"],
  ["a ttl of part of a second", field(5, Buffer.from([0x08, 60, 0x10, 1])), "ttl"],
  ["a ttl of nothing", field(5, Buffer.alloc(0)), "ttl"],
  ["a claim that the service sets", member("iss", TRUE), "claims.iss"],
  ["a claim named constructor", member("constructor", TRUE), "claims.constructor"],
] as const) {
  test(`${what} is a violation of ${JSON.stringify(violated)}`, async (t) => {
    const { send } = await target(t);
    const error = await failureOf(send(ISSUE, Buffer.concat([claimless(), bytes])));
    t.like(error, { code: "INVALID_ARGUMENT", reason: "INVALID_REQUEST" });
    t.deepEqual(
      error.violations.map(({ field: name }) => name),
      [violated],
    );
  });
}

test("a field that this version does not know is ignored", async (t) => {
  const { send } = await target(t);
  const answer = await send(
    ISSUE,
    Buffer.concat([good(), field(1000, "from the future"), Buffer.from([0xb8, 0x3e, 7])]),
  );
  t.is(IssueTokenResponse.decode(answer).claims?.sub, "alice");
});

test("a message above the limit is RESOURCE_EXHAUSTED, one below it is read, and the service keeps running", async (t) => {
  const { send, requireHealthy } = await target(t);
  const padded = (size: number) => Buffer.concat([good(), field(1000, Buffer.alloc(size))]);
  t.is((await failureOf(send(ISSUE, padded(MAX_MESSAGE + 1)))).code, "RESOURCE_EXHAUSTED");
  t.is((await failureOf(send(ISSUE, padded(4_000_000)))).code, "RESOURCE_EXHAUSTED");
  t.true((await send(ISSUE, padded(MAX_MESSAGE - 500))).length > 0);
  await requireHealthy();
});

/** `at` of VerifyTokenRequest: field 8, with these nanoseconds as a field of their own. */
const at = (nanos: number) => field(8, Buffer.concat([Buffer.from([0x08, 1, 0x10]), varint(nanos)]));

for (const [what, method, message] of [
  ["a Value that says nothing", "IssueToken", member("a", Buffer.alloc(0))],
  ["a Value that says nothing, in a list", "IssueToken", member("a", field(6, field(1, "")))],
  ["a member without a Value", "IssueToken", claimsOf(field(1, "a"))],
  ["a Timestamp of more nanoseconds than a second has", "VerifyToken", at(1_000_000_000)],
] as const)
  test(`${what} is INVALID_ARGUMENT, not left out`, async (t) => {
    const { send } = await target(t);
    const { code, reason } = await failureOf(send(`signet.v1.TokenService/${method}`, message));
    t.deepEqual([code, reason], ["INVALID_ARGUMENT", "UNDECODABLE"]);
  });
