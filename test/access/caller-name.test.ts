import test from "ava";
import { parseCallerName } from "../../src/access/caller-name.ts";

for (const [name, proof] of [
  ["spiffe://example.org/orders", "mtls"],
  ["spiffe://example.org/ns/prod/sa/Orders_1.x", "mtls"],
  ["dns:orders.example.org", "mtls"],
  ["dns:orders", "mtls"],
  ["jwt:kubernetes:system:serviceaccount:prod:orders", "jwt"],
  ["jwt:corp-2:alice@example.org", "jwt"],
  ["signet:workload:orders", "signet"],
  ["unix", "unix"],
  ["loopback", "loopback"],
] as const)
  test(`${name} is the name of a caller, proven by ${proof}`, (t) => {
    t.is(parseCallerName(name)?.proof, proof);
  });

for (const [name, why] of [
  ["", "it is empty"],
  ["orders", "it has no kind"],
  ["Loopback", "it is not in lower case"],
  ["loopback ", "it ends with a space"],
  ["spiffe://example.org", "a trust domain is no workload"],
  ["spiffe://example.org/", "the path is empty"],
  ["spiffe://example.org/orders/", "the path ends with a slash"],
  ["spiffe://example.org//orders", "a segment is empty"],
  ["spiffe://example.org/../orders", "a segment leads upwards"],
  ["spiffe://example.org/./orders", "a segment is a dot"],
  ["spiffe://Example.org/orders", "the trust domain is not in lower case"],
  ["spiffe://example.org:8443/orders", "a trust domain has no port"],
  ["spiffe://example.org/orders?x=1", "a SPIFFE id has no query"],
  ["spiffe://example.org/%6frders", "a SPIFFE id is not percent-encoded"],
  ["SPIFFE://example.org/orders", "the scheme is not in lower case"],
  [`spiffe://example.org/${"a".repeat(2048)}`, "it is longer than 2048 bytes"],
  ["dns:Orders.example.org", "the name is not in lower case"],
  ["dns:*.example.org", "a wildcard is no name"],
  ["dns:orders.example.org.", "it ends with a dot"],
  ["dns:-orders.example.org", "a label begins with a hyphen"],
  [`dns:${"a".repeat(64)}.example.org`, "a label has 64 characters"],
  [`dns:${"a.".repeat(127)}`, "the name has 254 characters"],
  ["dns:", "the name is empty"],
  ["jwt:kubernetes", "it has no subject"],
  ["jwt:kubernetes:", "the subject is empty"],
  ["jwt:Kubernetes:orders", "the alias is not in lower case"],
  ["jwt:kubernetes:or\nders", "the subject has a control character"],
  [`jwt:kubernetes:${"a".repeat(256)}`, "the subject has 256 bytes"],
  ["jwt:kubernetes:or ders", "the subject has a space"],
  ["jwt:kubernetes:örders", "the subject is not ASCII"],
  ["signet::orders", "the profile is empty"],
  ["unix:/run/orders.sock", "a socket has no path in its name"],
] as const)
  test(`${JSON.stringify(name.slice(0, 60))} is no name of a caller: ${why}`, (t) => {
    t.is(parseCallerName(name), undefined);
  });

test("the name of a token's subject says whose token it is", (t) => {
  t.is(parseCallerName("jwt:kubernetes:system:serviceaccount:prod:orders")?.issuer, "kubernetes");
  t.is(parseCallerName("signet:workload:orders")?.issuer, "workload");
  t.is(parseCallerName("dns:orders")?.issuer, undefined);
});
