import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import test from "ava";
import { parse } from "yaml";
import { createProfileClient } from "../support/profiles/profile-client.ts";
import { failureOf } from "../support/service/rich-error.ts";
import { startService } from "../support/service/service.ts";

const FOLDER = new URL("../../profiles/", import.meta.url);

/** The files that ship, by the name of their profile. */
const FILES = new Map(
  readdirSync(FOLDER).map((file) => {
    const text = readFileSync(new URL(file, FOLDER), "utf8");
    const raw = parse(text);
    return [String(raw.profile), { raw, digest: createHash("sha256").update(text).digest("base64url") }];
  }),
);

test("every profile that ships is listed, by name, with the digest of its file", async (t) => {
  const listed = await createProfileClient(t, await startService(t)).list();
  t.deepEqual(
    listed.map(({ name, digest }) => [name, digest]),
    [...FILES].map(([name, { digest }]) => [name, digest]).sort(),
  );
  for (const { name, description, algorithm } of listed) {
    t.is(description, FILES.get(name)?.raw.description);
    t.is(algorithm, FILES.get(name)?.raw.keys.algorithm ?? FILES.get(name)?.raw.keys.imported);
  }
});

test("a profile shows what its file says: schemas, claims in their order, rules, carriers", async (t) => {
  const profiles = createProfileClient(t, await startService(t));
  for (const [name, { raw, digest }] of FILES) {
    const shown = await profiles.get(name);
    t.like(shown, { name, digest, requestSchema: raw.request, acceptSchema: raw.accept, contextSchema: raw.context });
    t.deepEqual(
      shown?.claims.map((claim) => claim.name),
      raw.claims.map((claim: { name?: string }) => claim.name ?? ""),
    );
    t.deepEqual(
      shown?.rules.map(({ expression, reason, message }) => ({ require: expression, reason, message })),
      raw.rules ?? [],
    );
    t.deepEqual(
      shown?.carriers.map((carrier) => carrier.in),
      (raw.carriers ?? []).map((carrier: { in: string }) => carrier.in),
    );
  }
});

test("a profile with a quarantine, tenants and a frame shows them", async (t) => {
  const shown = await createProfileClient(t, await startService(t)).get("hivekit");
  t.like(shown, {
    tenantRequired: true,
    tenantClaim: "tnd",
    issuer: "platform.hivekit.io",
    header: { typ: "JWT", kidRequired: true, acceptedTyp: ["jwt", ""] },
    keys: { algorithm: "HS256", keyset: "", encoding: "base64" },
    quarantine: { deadline: { seconds: 10n, nanos: 0 }, maxFailures: 5 },
  });
  t.deepEqual(shown?.lifetime?.extendedMaxTtl, { seconds: 31_536_000n, nanos: 0 });
  const frames = shown?.surfaces.map(({ reason, frame }) => [reason, frame]);
  const rejected = '{"typ":"sys","act":"aut","res":"err","err":"$message"}';
  t.deepEqual(frames, [
    ["CARRIER_MISSING", ""],
    ["CARRIER_CONFLICT", rejected],
    ["", rejected],
  ]);
});

test("a profile with metering shows its rates, and one without shows none", async (t) => {
  const profiles = createProfileClient(t, await startService(t));
  t.deepEqual((await profiles.get("reactive"))?.metering, {
    clientIp: { perSecond: 20, burst: 50 },
    subject: undefined,
  });
  t.is((await profiles.get("service"))?.metering, undefined);
});

test("an unknown profile is NOT_FOUND; no name is INVALID_ARGUMENT", async (t) => {
  const profiles = createProfileClient(t, await startService(t));
  t.like(await failureOf(profiles.get("unknown")), { code: "NOT_FOUND", reason: "PROFILE_NOT_FOUND" });
  t.like(await failureOf(profiles.get("")), {
    code: "INVALID_ARGUMENT",
    violations: [{ field: "profile", description: "is required" }],
  });
});
