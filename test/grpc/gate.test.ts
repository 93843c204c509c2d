import { Client, credentials } from "@grpc/grpc-js";
import test, { type ExecutionContext } from "ava";
import type { BatchIssueTokensResponse, BatchVerifyTokensResponse } from "../../src/gen/signet/v1/token.ts";
import type { Gate } from "../../src/grpc/gate.ts";
import { startGrpcServer } from "../../src/grpc/server.ts";
import { Problem } from "../../src/problem/problem.ts";
import { OPEN_GATE } from "../support/caller.ts";
import { BATCH_METHODS, callWith, ONE_ITEM, SINGLE_METHODS } from "../support/service/every-method.ts";
import { healthClient } from "../support/service/health.ts";
import { servicesWith } from "../support/service/no-services.ts";
import { failureOf } from "../support/service/rich-error.ts";
import { TRANSPORT } from "../support/service/transport.ts";

const NOTHING = () => undefined;

const NOBODY: Gate = {
  ...OPEN_GATE,
  identify() {
    throw new Problem("UNAUTHENTICATED", "nothing proves who calls");
  },
};
function deny(): never {
  throw new Problem("PERMISSION_DENIED", "the policy does not allow it");
}
const NOTHING_ALLOWED: Gate = {
  ...OPEN_GATE,
  access: {
    admit: deny,
    admitMalformed: deny,
    allows: () => false,
    onChange: () => () => {},
  },
};

/** A server that has nothing behind its gate, and how to call it. */
async function serverBehind(t: ExecutionContext, gate: Gate) {
  const server = await startGrpcServer("127.0.0.1:0", servicesWith(), gate, TRANSPORT, NOTHING, NOTHING);
  const client = new Client(server.address, credentials.createInsecure());
  t.teardown(() => {
    client.close();
    return server.stop(1_000);
  });
  const call = (method: (typeof SINGLE_METHODS)[number], bytes: Buffer) => callWith(client, method, bytes);
  return { call, address: server.address };
}

test("a call without a caller is UNAUTHENTICATED, whatever its method and before its request is read", async (t) => {
  const { call } = await serverBehind(t, NOBODY);
  const garbage = Buffer.from([0xff]);
  for (const method of [...SINGLE_METHODS, ...BATCH_METHODS])
    t.like(await failureOf(call(method, garbage)), { code: "UNAUTHENTICATED", reason: "UNAUTHENTICATED" }, method.path);
});

test("no method of the contract serves a caller whom the policy allows nothing", async (t) => {
  const { call } = await serverBehind(t, NOTHING_ALLOWED);
  t.true(SINGLE_METHODS.length >= 18, "the methods were found");
  for (const method of SINGLE_METHODS)
    t.like(await failureOf(call(method, Buffer.alloc(0))), { code: "PERMISSION_DENIED" }, method.path);
});

test("nor is such a caller told what is wrong with a request that can't be read, or with an empty batch", async (t) => {
  const { call } = await serverBehind(t, NOTHING_ALLOWED);
  const garbage = Buffer.from([0xff]);
  for (const method of [...SINGLE_METHODS, ...BATCH_METHODS])
    t.like(await failureOf(call(method, garbage)), { code: "PERMISSION_DENIED" }, method.path);
  for (const method of BATCH_METHODS)
    t.like(await failureOf(call(method, Buffer.alloc(0))), { code: "PERMISSION_DENIED" }, method.path);
});

test("each item of a batch is decided on its own", async (t) => {
  const { call } = await serverBehind(t, NOTHING_ALLOWED);
  t.is(BATCH_METHODS.length, 2);
  for (const method of BATCH_METHODS) {
    const answer = (await call(method, ONE_ITEM)) as BatchIssueTokensResponse | BatchVerifyTokensResponse;
    t.like(answer.results[0]?.result, { $case: "error", value: { code: 7 } }, method.path);
  }
});

test("health is open to everybody: a load balancer has no name", async (t) => {
  const { address } = await serverBehind(t, NOBODY);
  t.is(await healthClient(t, address).check("signet.v1.ProfileService"), "SERVING");
});
