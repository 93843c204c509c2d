import { credentials } from "@grpc/grpc-js";
import test, { type ExecutionContext } from "ava";
import { TokenServiceClient, VerifyTokenRequest } from "../../src/gen/signet/v1/token.ts";
import { startGrpcServer } from "../../src/grpc/server.ts";
import type { OnCall } from "../../src/grpc/unary.ts";
import { Problem } from "../../src/problem/problem.ts";
import { OPEN_GATE } from "../support/caller.ts";
import { servicesWith } from "../support/service/no-services.ts";
import { failureOf, type RichError } from "../support/service/rich-error.ts";
import { type Service, verify } from "../support/service/service.ts";
import { TRANSPORT } from "../support/service/transport.ts";

type Call = Parameters<OnCall>[0];

/** A server whose VerifyToken does what the test says, and what was observed of it. */
async function serverThat(t: ExecutionContext, handler: () => unknown) {
  const observed: Call[] = [];
  const server = await startGrpcServer(
    "127.0.0.1:0",
    servicesWith({ tokens: { issue: handler, verify: handler } }),
    OPEN_GATE,
    TRANSPORT,
    (call) => void observed.push(call),
    () => undefined,
  );
  const client = new TokenServiceClient(server.address, credentials.createInsecure());
  t.teardown(() => {
    client.close();
    return server.stop(1_000);
  });
  const call = () => verify({ tokens: client } as Service, "token");
  const countAnswers = () =>
    new Promise<number>((resolve) => {
      let answers = 0;
      const request = VerifyTokenRequest.fromPartial({ profile: "service" });
      // The status ends a call: by then each answer has been reported.
      const count = () => {
        answers += 1;
      };
      client.verifyToken(request, count).on("status", () => setImmediate(() => resolve(answers)));
    });
  return { call, countAnswers, observed };
}

const unreadable = Object.defineProperty({}, "message", {
  get() {
    throw new Error("hunter2");
  },
});

for (const [what, handler, cause] of [
  ["throws an error", () => raise(new Error("hunter2")), new Error("hunter2")],
  ["throws a text", () => raise("hunter2"), "hunter2"],
  ["throws undefined", () => raise(undefined), undefined],
  ["throws an object that can't be read", () => raise(unreadable), unreadable],
  ["rejects with an error", () => Promise.reject(new Error("hunter2")), new Error("hunter2")],
  ["rejects with null", () => Promise.reject(null), null],
  ["rejects later", async () => raise(await Promise.resolve(new TypeError("hunter2"))), new TypeError("hunter2")],
] as const) {
  test(`a handler that ${what} answers INTERNAL once and hides the cause, and the server keeps running`, async (t) => {
    const { call, countAnswers, observed } = await serverThat(t, handler);
    const expected: Partial<RichError> = { code: "INTERNAL", message: "internal error", detailBytes: 0 };
    t.like(await failureOf(call()), expected);
    t.is(await countAnswers(), 1);
    t.like(await failureOf(call()), expected, "the server lives");
    t.is(observed.length, 3, "each call was observed once");
    t.like(observed[0], { method: "signet.v1.TokenService/VerifyToken", code: "INTERNAL" });
    t.true(observed[0] && "cause" in observed[0], "the log gets the cause");
    if (cause !== unreadable) t.deepEqual(observed[0]?.cause, cause);
  });
}

test("an answer that can't be encoded is one INTERNAL, and the server keeps running", async (t) => {
  const { call, countAnswers } = await serverThat(t, () => ({
    profile: 7,
    epoch: 1,
    verdict: { valid: true, claims: { a: 1n }, keyId: "k" },
  }));
  t.is((await failureOf(call())).code, "INTERNAL");
  t.is(await countAnswers(), 1);
});

test("a problem is observed by its code and without a cause: nothing is wrong with the service", async (t) => {
  const { call, observed } = await serverThat(t, () => raise(new Problem("KEYSET_NOT_FOUND", "there is none")));
  t.like(await failureOf(call()), { code: "NOT_FOUND", reason: "KEYSET_NOT_FOUND", message: "there is none" });
  t.is(observed[0]?.code, "NOT_FOUND");
  t.false(observed[0] && "cause" in observed[0]);
});

function raise(thrown: unknown): never {
  throw thrown;
}
