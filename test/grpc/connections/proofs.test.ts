import { Socket } from "node:net";
import { Metadata } from "@grpc/grpc-js";
import test from "ava";
import { createAtOnce } from "../../../src/access/limits/at-once.ts";
import { ConnectionProofs, proveLoopback } from "../../../src/grpc/connections/proofs.ts";
import { callerNamed } from "../../support/caller.ts";

const [ORDERS, BILLING] = [callerNamed("jwt:cluster:orders"), callerNamed("jwt:cluster:billing")];

/** The proofs of a server on which each caller may have one connection. */
function proofsUnderTest() {
  const open = createAtOnce();
  const openConnection = (caller: { readonly name: string }) => {
    const end = open.open(caller.name, 1);
    if (end === undefined) throw new Error("too many");
    return end;
  };
  const proofs = new ConnectionProofs(proveLoopback, openConnection, Date.now);
  const connect = () => {
    const connection = proofs.open(new Socket());
    const headers: Record<string, string> = {};
    proofs.mark(headers, connection);
    const metadata = Metadata.fromHttp2Headers(headers);
    return { call: (caller = ORDERS) => proofs.count(metadata, caller), close: () => proofs.close(connection) };
  };
  return { open, connect };
}

test("a connection counts once for each caller that its calls prove, until it ends", (t) => {
  const { open, connect } = proofsUnderTest();
  const [first, second] = [connect(), connect()];
  for (const caller of [ORDERS, BILLING, ORDERS]) first.call(caller);
  t.is(open.size, 2);
  for (const caller of [ORDERS, BILLING]) t.throws(() => second.call(caller), { message: "too many" });
  first.close();
  t.is(open.size, 0);
  t.notThrows(() => second.call());
});

test("a connection that ends while the token of its call is checked does not count", (t) => {
  const { open, connect } = proofsUnderTest();
  const { call, close } = connect();
  close();
  call();
  t.is(open.size, 0);
});
