import test from "ava";
import { loadConfig } from "../../src/config/load.ts";
import { filesIn } from "../support/files/config-files.ts";
import { shippedText } from "../support/profiles/profiles.ts";

test("the profiles that ship bring their keysets, whose keys outlive their longest tokens", (t) => {
  const { profiles, keysets } = loadConfig({ env: {} });
  t.is(profiles.get("service")?.issuer, "http://127.0.0.1:8081");
  t.deepEqual(
    keysets.map(({ name, algorithm, policy }) => [name, algorithm, policy.maxTtl]),
    [
      ["euler-stream", "EdDSA", 7_200_000],
      ["service", "EdDSA", 3_600_000],
    ],
  );
  t.like(keysets[1]?.policy, { maxTtl: 3_600_000, period: 86_400_000, lead: (15 + 1 + 1) * 60_000 });
});

test("a leeway beyond the skew and the time to stop using makes the life of a keyset's tokens longer", async (t) => {
  const text = shippedText("service")
    .replace("profile: service", "profile: sixth")
    .replace("keyset: service", "keyset: sixth")
    .replace("leeway: 60s", "leeway: 5m");
  const { keysets } = loadConfig({ env: { SIGNET_PROFILES_FOLDER: await filesIn(t, { "sixth.yaml": text }) } });
  const maxTtl = (name: string) => keysets.find((keyset) => keyset.name === name)?.policy.maxTtl;
  t.is(maxTtl("service"), 3_600_000);
  t.is(maxTtl("sixth"), 3_600_000 + (5 - 1 - 1) * 60_000);
});
