import { once } from "node:events";
import { Client, credentials, type ServiceError } from "@grpc/grpc-js";
import test from "ava";
import { BatchIssueTokensResponse, IssueTokenRequest, IssueTokenResponse } from "../../src/gen/signet/v1/token.ts";
import { bounded } from "../support/bounded.ts";
import { field, hex, number } from "../support/protobuf/bytes.ts";
import { rawClient } from "../support/service/raw-client.ts";
import { failureOf } from "../support/service/rich-error.ts";
import { startService } from "../support/service/service.ts";
import { shared } from "../support/service/shared.ts";

const ISSUE = "signet.v1.TokenService/IssueToken";
const BATCH = "signet.v1.TokenService/BatchIssueTokens";
const VERIFY = "signet.v1.TokenService/VerifyToken";
const REFLECTION = ["grpc.reflection.v1.ServerReflection", "grpc.reflection.v1alpha.ServerReflection"].map(
  (service) => `${service}/ServerReflectionInfo`,
);

const asItIs = (bytes: Buffer) => bytes;
const good = (...more: Uint8Array[]) =>
  Buffer.concat([field(1, "service"), field(3, "good"), field(4, "api"), ...more]);
const EVIL = field(3, "evil");
const scope = (value: string) => field(1, Buffer.concat([field(1, "scope"), field(2, field(3, value))]));
const oneClaim = field(6, scope("read"));
const carrier = field(2, field(1, Buffer.concat([field(1, "authorization"), field(2, "Bearer a.b.c")])));
const verifying = (...more: Uint8Array[]) => Buffer.concat([field(3, "service"), field(5, "api"), ...more]);

const NESTED = [
  ["an end tag", good(field(6, Buffer.concat([hex("0c"), EVIL])))],
  ["a zero tag", good(field(6, Buffer.concat([hex("00"), EVIL])))],
  ["an end tag after a claim", good(field(6, Buffer.concat([scope("read"), hex("0c"), EVIL])))],
  ["a zero tag in a ttl", good(field(5, Buffer.concat([hex("00"), EVIL])))],
] as const;

const service = shared(test, (t) => startService(t));

for (const [what, bytes] of NESTED) {
  test(`${what} in a nested message does not turn its rest into fields of the request`, async (t) => {
    const send = rawClient(t, (await service()).app.addresses.grpc);
    t.like(await failureOf(send(ISSUE, bytes)), { code: "INVALID_ARGUMENT", reason: "UNDECODABLE" });
    t.like(await failureOf(send(BATCH, field(1, bytes))), { code: "INVALID_ARGUMENT", reason: "UNDECODABLE" });
    const { claims } = IssueTokenResponse.decode(await send(ISSUE, good(oneClaim)));
    t.is(claims?.sub, "good");
  });

  test(`negative control: the generated decoder alone reads another subject after ${what}`, (t) => {
    t.is(IssueTokenRequest.decode(bytes).subject, "evil");
  });
}

for (const [what, method, bytes] of [
  ["fields hidden behind a zero tag", ISSUE, Buffer.concat([good(), hex("00"), EVIL])],
  ["fields hidden behind an end tag", ISSUE, Buffer.concat([good(), hex("0c"), EVIL])],
  ["claims that come twice", ISSUE, good(oneClaim, field(6, scope("write")))],
  ["claims that come twice, apart", ISSUE, Buffer.concat([oneClaim, good(), field(6, "")])],
  ["a ttl that comes twice", ISSUE, good(field(5, number(1, 60)), field(5, number(2, 0)))],
  ["claims that come twice in an item", BATCH, Buffer.concat([field(1, good()), field(1, good(oneClaim, oneClaim))])],
  [
    "a claim of two kinds",
    ISSUE,
    good(
      field(6, field(1, Buffer.concat([field(1, "scope"), field(2, Buffer.concat([field(3, "read"), number(4, 1)]))]))),
    ),
  ],
  [
    "a claim of two values",
    ISSUE,
    good(
      field(6, field(1, Buffer.concat([field(1, "scope"), field(2, field(3, "read")), field(2, field(3, "write"))]))),
    ),
  ],
  ["a carrier that comes twice", VERIFY, verifying(carrier, carrier)],
  ["a token beside a carrier", VERIFY, verifying(carrier, field(1, "a.b.c"))],
  ["a time that comes twice", VERIFY, verifying(field(1, "a.b.c"), field(8, number(1, 1)), field(8, number(2, 1)))],
  ["a subject that is not UTF-8", ISSUE, Buffer.concat([field(1, "service"), field(3, hex("ff"))])],
  ["a subject in another wire type", ISSUE, good(number(3, 1))],
  ["a group", ISSUE, good(hex("db06 dc06"))],
] as const)
  test(`INVALID_ARGUMENT: ${what}`, async (t) => {
    const send = rawClient(t, (await service()).app.addresses.grpc);
    t.like(await failureOf(send(method, bytes)), { code: "INVALID_ARGUMENT", reason: "UNDECODABLE" });
  });

test("each item of a batch has claims of its own", async (t) => {
  const send = rawClient(t, (await service()).app.addresses.grpc);
  const items = ["read", "write"].map((value) => field(1, good(field(6, scope(value)))));
  const { results } = BatchIssueTokensResponse.decode(await send(BATCH, Buffer.concat(items)));
  t.deepEqual(
    results.map(({ result }) => result?.$case === "response" && result.value.claims?.scope),
    ["read", "write"],
  );
});

for (const method of [
  "grpc.health.v1.Health/Check",
  "grpc.health.v1.Health/Watch",
  "grpc.health.v1.Health/List",
  "signet.v1.TokenService/WatchRevocations",
  "signet.v1.SessionService/WatchSessions",
  ...REFLECTION,
])
  test(`undecodable bytes to ${method} are INVALID_ARGUMENT, and the service lives on`, async (t) => {
    const send = rawClient(t, (await service()).app.addresses.grpc);
    for (const bytes of [
      hex("0a7f61"),
      hex("00"),
      hex("0c"),
      hex("dc06"),
      hex("ff".repeat(20)),
      hex("08"),
      hex("d906"),
    ])
      t.like(
        await failureOf(send(method, bytes)),
        { code: "INVALID_ARGUMENT", reason: "UNDECODABLE" },
        bytes.toString("hex"),
      );
    t.true((await send("grpc.health.v1.Health/Check", Buffer.alloc(0))).equals(hex("0801")));
  });

for (const method of REFLECTION)
  test(`${method} answers good requests, and ends at the first undecodable one`, async (t) => {
    const client = new Client((await service()).app.addresses.grpc, credentials.createInsecure());
    t.teardown(() => client.close());
    const stream = client.makeBidiStreamRequest(`/${method}`, asItIs, asItIs, bounded());
    const answers: Buffer[] = [];
    stream.on("data", (answer) => answers.push(answer));
    const listServices = field(7, "*");
    stream.write(listServices);
    await once(stream, "data");
    stream.write(listServices);
    await once(stream, "data");
    for (const bytes of [hex("00"), hex("00"), listServices]) stream.write(bytes);
    const [error] = (await once(stream, "error")) as [ServiceError];
    t.like(await failureOf(Promise.reject(error)), { code: "INVALID_ARGUMENT", reason: "UNDECODABLE" });
    t.is(answers.length, 2);
    t.true(answers[0]?.includes("signet.v1.TokenService"));
  });
