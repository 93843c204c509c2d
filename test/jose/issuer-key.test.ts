import test from "ava";
import { importIssuerKey } from "../../src/jose/issuer-key.ts";
import { testIssuer } from "../support/tokens/issuer.ts";

test("a key verifies tokens of the one algorithm that it was imported for", async (t) => {
  const issuer = testIssuer("PS256");
  const [jwk] = JSON.parse(issuer.jwks()).keys;
  const token = issuer.sign({ sub: "a" });
  t.true(await (await importIssuerKey(jwk, "PS256"))(token));
  t.false(await (await importIssuerKey(jwk, "RS256"))(token));
  t.false(await (await importIssuerKey(jwk, "PS384"))(token));
});

test("anything that is no good token is answered false", async (t) => {
  const issuer = testIssuer("ES256");
  const [jwk] = JSON.parse(issuer.jwks()).keys;
  const isGood = await importIssuerKey(jwk, "ES256");
  const token = issuer.sign({ sub: "a" });
  t.true(await isGood(token));
  for (const bad of ["", "..", "a.b.c", `${token}A`, token.replace(".", "..")]) t.false(await isGood(bad), bad);
  t.false(await isGood(testIssuer("ES256").sign({ sub: "a" })), "another key");
});
