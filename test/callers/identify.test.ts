import test from "ava";
import { type CheckCredential, type ConnectionProof, identify } from "../../src/callers/identify.ts";
import { Problem } from "../../src/problem/problem.ts";

const CERTIFICATE: ConnectionProof = { kind: "certificate", name: "dns:orders.example", address: "192.0.2.1" };
const BAD: ConnectionProof = { kind: "bad", reason: "has expired", address: "192.0.2.1" };
const TLS: ConnectionProof = { kind: "none", transport: "tls", address: "192.0.2.1" };
const LOOPBACK: ConnectionProof = { kind: "none", transport: "loopback", address: "127.0.0.1" };
const UNIX: ConnectionProof = { kind: "none", transport: "unix", address: "" };

const named: CheckCredential = (authorization) => ({ name: `jwt:kube:${authorization}`, proof: "jwt" });
const untouched: CheckCredential = () => {
  throw new Error("the credential was read");
};

function refusalOf(proof: ConnectionProof, authorization: readonly string[], check = untouched): string {
  try {
    void identify(proof, authorization, check);
  } catch (error) {
    if (error instanceof Problem && error.code === "UNAUTHENTICATED") return error.message;
    throw error;
  }
  return "let in";
}

test("one proof names the caller: a certificate, a token, or a local socket", (t) => {
  t.deepEqual(identify(CERTIFICATE, [], untouched), {
    name: "dns:orders.example",
    proof: "mtls",
    address: "192.0.2.1",
  });
  t.deepEqual(identify(TLS, ["t"], named), { name: "jwt:kube:t", proof: "jwt", address: "192.0.2.1" });
  t.deepEqual(identify(LOOPBACK, [], untouched), { name: "loopback", proof: "loopback", address: "127.0.0.1" });
  t.deepEqual(identify(UNIX, [], untouched), { name: "unix", proof: "unix", address: "" });
});

test("a token counts more than the socket that it came through", (t) => {
  t.like(identify(UNIX, ["t"], named), { name: "jwt:kube:t", proof: "jwt", address: "" });
  t.like(identify(LOOPBACK, ["t"], named), { name: "jwt:kube:t", proof: "jwt", address: "127.0.0.1" });
});

test("a token may be checked later", async (t) => {
  const later: CheckCredential = async (authorization) => named(authorization);
  t.deepEqual(await identify(TLS, ["t"], later), { name: "jwt:kube:t", proof: "jwt", address: "192.0.2.1" });
});

test("a certificate and a token in one call are two proofs, whatever the token is", (t) => {
  t.regex(refusalOf(CERTIFICATE, ["t"]), /two proofs, a client certificate and an authorization header: send one/);
});

test("two tokens in one call are refused before either is read", (t) => {
  t.regex(refusalOf(TLS, ["t", "t"]), /several authorization headers: send one/);
});

test("a bad certificate is refused even beside a good token, with its reason", (t) => {
  t.is(refusalOf(BAD, []), "the client certificate has expired");
  t.is(refusalOf(BAD, ["t"]), "the client certificate has expired");
});

test("over TLS the socket proves nothing, and the refusal says what is accepted", (t) => {
  t.regex(refusalOf(TLS, []), /no proof: connect with a client certificate, or send an authorization header/);
});
