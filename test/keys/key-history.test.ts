import test from "ava";
import { AuditError, type AuditEvent } from "../../src/audit/event.ts";
import { createKeyHistory, type PublishedKey } from "../../src/keys/key-history.ts";

const JWK = { kty: "OKP", crv: "Ed25519", x: "abc" } as const;
const KEY: PublishedKey = { kid: "one", alg: "EdDSA", publicJwk: JWK, signFrom: 5_000 };
const NOW = 1_000;

function recorded(append: () => Promise<void> = async () => {}) {
  const events: AuditEvent[] = [];
  const audit = {
    append(event: AuditEvent) {
      events.push(event);
      return append();
    },
  };
  return { events, publish: createKeyHistory(audit, () => NOW) };
}

test("a key has one event, with its JWK as a JWKS has it, and when it may sign", async (t) => {
  const { events, publish } = recorded();
  await publish({ keyset: "service" }, KEY);
  t.is(publish({ keyset: "service" }, KEY), undefined, "nothing is left to wait for");
  await publish({ keyset: "service" }, { ...KEY });
  t.deepEqual(events, [
    {
      ...{ type: "key.published", keyset: "service", profile: "", tenant: "", keyId: "one", algorithm: "EdDSA" },
      ...{ jwk: { ...JWK, use: "sig", alg: "EdDSA", kid: "one" }, signsFrom: 5_000 },
    },
  ]);
});

test("keys of other owners, and another key with the same kid, have events of their own", async (t) => {
  const { events, publish } = recorded();
  const owner = { profile: "hivekit", tenant: "acme" };
  await publish({ keyset: "service" }, KEY);
  await publish(owner, { ...KEY });
  await publish({ ...owner, tenant: "other" }, { ...KEY });
  await publish(owner, { ...KEY, publicJwk: { ...JWK, x: "def" } });
  t.is(events.length, 4);
});

test("a symmetric key has no public key, and no event", (t) => {
  const { events, publish } = recorded();
  t.is(publish({ profile: "hivekit", tenant: "" }, { ...KEY, alg: "HS256", publicJwk: undefined }), undefined);
  t.deepEqual(events, []);
});

test("all who need a key wait for its one event, and one that could not be stored is written again", async (t) => {
  let fails = true;
  const { events, publish } = recorded(async () => {
    if (fails) throw new AuditError("UNAVAILABLE", "a test");
  });
  const waiting = [publish({ keyset: "service" }, KEY), publish({ keyset: "service" }, { ...KEY })];
  for (const one of waiting)
    t.is((await t.throwsAsync(async () => one, { instanceOf: AuditError }))?.code, "UNAVAILABLE");
  t.is(events.length, 1);
  fails = false;
  await publish({ keyset: "service" }, KEY);
  t.is(events.length, 2);
  t.is(publish({ keyset: "service" }, KEY), undefined);
});
