import { createPrivateKey, createPublicKey, verify } from "node:crypto";
import test from "ava";
import type { AuditLog } from "../../../src/audit/event.ts";
import { createImportSecret } from "../../../src/key-admin/import-secret.ts";
import { KeyringError } from "../../../src/keys/error.ts";
import { createKeyHistory } from "../../../src/keys/key-history.ts";
import { createMemoryKeyValue } from "../../../src/state/memory.ts";
import { callerNamed } from "../../support/caller.ts";
import { jwkOf, pemOf, vendorKey } from "../../support/tokens/vendor-keys.ts";
import { waitUntil } from "../../support/wait-until.ts";
import { start } from "../rotating/ring-under-test.ts";
import { input, newSecret, openReplica, problemOf, requestOf } from "./secrets-under-test.ts";

const owner = { profile: "vendor", tenant: "acme" };
const ed25519 = { ...owner, algorithm: "EdDSA", encoding: undefined } as const;

/** The newest record of the store, and the header under which its last key is sealed. */
async function newest(replica: Awaited<ReturnType<typeof openReplica>>) {
  const record = JSON.parse(JSON.parse((await replica.stored()).at(-1) ?? "").body);
  const sealed: string = record.secrets.at(-1).sealed;
  const { kek: _, ...header } = JSON.parse(Buffer.from(sealed.split(".")[0] ?? "", "base64url").toString());
  return { record, sealed, header };
}

test("the record of an HS256 secret, and the header of its seal, have the members of version 0.1.0 in their order", async (t) => {
  const replica = await openReplica(createMemoryKeyValue(() => start));
  const { key } = await replica.import(newSecret(), { ...owner, keyId: "k1", algorithm: "HS256" });
  const { record, header } = await newest(replica);
  const { fingerprint } = key;
  const { sealed } = record.secrets[0];
  const secret = { kid: "k1", alg: "HS256", encoding: "base64", byteLength: 32, fingerprint, signFrom: start, sealed };
  t.is(JSON.stringify(record), JSON.stringify({ version: 1, ...owner, epoch: 1, createdAt: start, secrets: [secret] }));
  const common = { alg: "dir", enc: "A256GCM", typ: "signet-key", v: 1 };
  t.is(JSON.stringify(header), JSON.stringify({ ...common, ...owner, sealedKid: "k1", sealedAlg: "HS256" }));
});

test("a private key is stored sealed for its algorithm, and is sealed again under a new KEK with its fingerprint", async (t) => {
  const store = createMemoryKeyValue(() => start);
  const privateKey = vendorKey("EdDSA");
  const replica = await openReplica(store, ["one"]);
  const { key } = await replica.import(pemOf(privateKey), { ...ed25519, keyId: "k1" });
  const { header } = await newest(replica);
  t.like(header, { sealedKid: "k1", sealedAlg: "EdDSA" });
  const der = privateKey.export({ format: "der", type: "pkcs8" });
  for (const text of await replica.stored())
    for (const encoding of ["base64", "base64url"] as const)
      t.false(text.includes(der.toString(encoding).slice(24, 60)));

  const both = await openReplica(store, ["two", "one"]);
  both.secrets.start();
  await waitUntil("the key is sealed again", async () => both.secrets.keysOf(owner).epoch === 2);
  await both.secrets.stop();
  const after = await openReplica(store, ["two"]);
  const keys = after.secrets.keysOf(owner);
  const signature = keys.signer(start)?.sign(input) ?? Buffer.alloc(0);
  t.true(verify(null, input, createPublicKey(privateKey), signature));
  t.is(after.secrets.list(start)[0]?.fingerprint, key.fingerprint);
  t.is(keys.otherReading(input, Buffer.alloc(64), start), undefined);
});

test("a private key that does not belong to its sealed algorithm never signs", async (t) => {
  const store = createMemoryKeyValue(() => start);
  const replica = await openReplica(store);
  const sealed = await replica.parts.vault.seal(derOf("ES256"), { ...owner, kid: "k1", alg: "EdDSA" });
  const secret = { kid: "k1", alg: "EdDSA", encoding: "base64", byteLength: 32, fingerprint: "f".repeat(16) } as const;
  const secrets = [{ ...secret, signFrom: start, sealed }];
  await replica.secrets.advance(owner, async () => ({ version: 1, ...owner, epoch: 1, createdAt: start, secrets }));
  t.is(await problemOf(() => replica.secrets.keysOf(owner).signer(start)), "KEYS_UNAVAILABLE");
  const [event] = replica.events;
  t.is(event?.type === "secrets.unreadable" && event.error instanceof KeyringError && event.error.code, "KEY_MISMATCH");
});

test("the event of an import names the algorithm", async (t) => {
  const replica = await openReplica(createMemoryKeyValue(() => start));
  const { key } = await replica.import(JSON.stringify(jwkOf(vendorKey("ES256"))), { ...ed25519, algorithm: "ES256" });
  const { fingerprint, kid: keyId } = key;
  t.like(replica.audited[0], { type: "key.imported", algorithm: "ES256", keyId, byteLength: 32, fingerprint });
});

test("the public key of an imported private key has its event before the key is stored; a secret has none", async (t) => {
  const replica = await openReplica(createMemoryKeyValue(() => start));
  const vendor = vendorKey("ES256");
  const stored: number[] = [];
  const audit: AuditLog = {
    append: async (event) => {
      stored.push((await replica.stored()).length);
      await replica.parts.audit.append(event, start);
    },
  };
  const importKey = createImportSecret({ ...replica.parts, audit, publishKey: createKeyHistory(audit, () => start) });
  await importKey(requestOf(JSON.stringify(jwkOf(vendor)), { ...ed25519, algorithm: "ES256" }), callerNamed("caller"));
  const { kty, crv, x, y } = createPublicKey(vendor).export({ format: "jwk" });
  t.like(replica.audited[1], { type: "key.published", profile: ed25519.profile, algorithm: "ES256", signsFrom: start });
  t.like(replica.audited[1], { jwk: { kty, crv, x, y } });
  t.deepEqual(stored, [0, 0]);
  await replica.import(newSecret());
  t.deepEqual(
    replica.audited.map(({ type }) => type),
    ["key.imported", "key.published", "key.imported"],
  );
});

function derOf(alg: "ES256"): string {
  return createPrivateKey(pemOf(vendorKey(alg)))
    .export({ format: "der", type: "pkcs8" })
    .toString("base64");
}
