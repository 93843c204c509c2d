import test from "ava";
import { callerNamed } from "../../support/caller.ts";
import { serviceProfile } from "../../support/profiles/profiles.ts";
import { EMPTY, issuingUnderTest } from "../../support/tokens/issuing-under-test.ts";
import { oneKey } from "../../support/tokens/token-keys.ts";

test("a refusal to issue is reported with the name of the profile only if the profile exists", async (t) => {
  const { run, reports } = issuingUnderTest(serviceProfile(), () => oneKey().keys);
  await t.throwsAsync(run("service", EMPTY, callerNamed("c")), { code: "INVALID_REQUEST" });
  await t.throwsAsync(run("secret-name", EMPTY, callerNamed("c")), { code: "PROFILE_NOT_FOUND" });
  t.deepEqual(reports, ["denied service c INVALID_REQUEST", "denied  c PROFILE_NOT_FOUND"]);
});
