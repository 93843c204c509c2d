import test from "ava";
import { issue, startService, verify } from "../support/service/service.ts";

test("a token that was issued verifies, for its audience alone", async (t) => {
  const service = await startService(t);
  const { token, tokenId } = await issue(service);
  const good = await verify(service, token);
  t.true(good.valid);
  t.is(good.tokenId, tokenId);
  t.is(good.subject, "alice");
  const bad = await verify(service, token, { audience: "other" });
  t.false(bad.valid);
  t.is(bad.claims, undefined);
});
