import test from "ava";
import { trustInDomain, trustInIssuer } from "../../src/callers/trust.ts";

const KEYS = { find: () => undefined, reload: () => undefined };

test("the keys of a trust domain name none of another", (t) => {
  const { nameCaller } = trustInDomain("example.org", "signet", KEYS);
  t.deepEqual(nameCaller("spiffe://example.org/a"), { ok: { name: "spiffe://example.org/a", proof: "jwt-svid" } });
  for (const sub of ["spiffe://example.com/a", "spiffe://example.org", "spiffe://sub.example.org/a", "a", undefined])
    t.is(nameCaller(sub).rejection?.reason, "CLAIM_INVALID", String(sub));
});

test("an issuer's subjects are named under its alias", (t) => {
  const { nameCaller } = trustInIssuer({ alias: "ci", audience: "signet", algorithms: ["ES256"] }, KEYS);
  t.deepEqual(nameCaller("signet:robot:root"), { ok: { name: "jwt:ci:signet:robot:root", proof: "jwt" } });
  t.is(nameCaller(undefined).rejection?.reason, "CLAIM_INVALID");
});
