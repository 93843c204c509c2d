import { createHash, createHmac, randomBytes } from "node:crypto";
import type { AuditEvent, AuditLog } from "../../../src/audit/event.ts";
import { kekOf } from "../../../src/jose/kek.ts";
import { recordKeysOf } from "../../../src/jose/key-vault.ts";
import { createSecretVault } from "../../../src/jose/secret-vault.ts";
import type { ImportRequest } from "../../../src/key-admin/import-request.ts";
import { createImportSecret } from "../../../src/key-admin/import-secret.ts";
import { openSecrets } from "../../../src/keys/imported/secrets.ts";
import type { SecretsEvent } from "../../../src/keys/imported/views.ts";
import { createKeyHistory } from "../../../src/keys/key-history.ts";
import { ALGORITHMS } from "../../../src/keys/model.ts";
import type { SecretVault } from "../../../src/keys/vault.ts";
import { Problem } from "../../../src/problem/problem.ts";
import type { Profile } from "../../../src/profile/model/profile.ts";
import type { KeyValue } from "../../../src/state/keyvalue.ts";
import { callerNamed } from "../../support/caller.ts";
import { profileOf, shippedProfile } from "../../support/profiles/profiles.ts";
import { vendorProfile } from "../../support/profiles/vendor-profile.ts";
import { start } from "../rotating/ring-under-test.ts";

const PROFILES: ReadonlyMap<string, Profile> = new Map(
  [
    ...["service", "hivekit", "reactive", "viasocket"].map((name) => shippedProfile(name)),
    profileOf(vendorProfile(ALGORITHMS)),
  ].map((profile) => [profile.name, profile]),
);

export const input = Buffer.from("signing input");
export const acme = { profile: "hivekit", tenant: "acme" };

/** 32 random bytes, as base64. */
export const newSecret = (): string => randomBytes(32).toString("base64");

export const mac = (secret: string, encoding: BufferEncoding = "base64"): Buffer =>
  createHmac("sha256", Buffer.from(secret, encoding)).update(input).digest();

/** One replica over a store, under KEKs of these names. Its clock is moved by the test. `watch` may replace its vault. */
export async function openReplica(
  store: KeyValue,
  names: readonly [string, ...string[]] = ["one"],
  watch = (vault: SecretVault) => vault,
) {
  const clock = { now: start };
  const now = () => clock.now;
  const events: SecretsEvent[] = [];
  const audited: AuditEvent[] = [];
  const audit: AuditLog = { append: async (event) => void audited.push(event) };
  const [current, ...previous] = names;
  const keks = [kekNamed(current), ...previous.map(kekNamed)] as const;
  const vault = watch(createSecretVault(keks));
  const recordKeys = recordKeysOf(keks);
  const secrets = await openSecrets({ store, recordKeys, vault, now, report: (event) => events.push(event) });
  const requireRightClock = () => undefined;
  const publishKey = createKeyHistory(audit, now);
  const parts = { profiles: () => PROFILES, secrets, vault, requireRightClock, audit, publishKey, now, randomBytes };
  const importKey = createImportSecret(parts);
  return {
    store,
    secrets,
    clock,
    events,
    audited,
    parts,
    recordKeys,
    /** Every value of the store, as text. */
    stored: async () => (await store.list("secrets/")).map(({ value }) => Buffer.from(value).toString()),
    /** Imports for the tenant acme of hivekit, as base64 by default. */
    import: (secret: string, request: Partial<ImportRequest> = {}) =>
      importKey(requestOf(secret, request), callerNamed("caller")),
  };
}

export type Replica = Awaited<ReturnType<typeof openReplica>>;

export function requestOf(secret: string, request: Partial<ImportRequest> = {}): ImportRequest {
  return {
    ...acme,
    secret,
    algorithm: "",
    encoding: "base64",
    keyId: "",
    overlap: undefined,
    allowWeak: false,
    ...request,
  };
}

/** The state of a kid, with whether its key verifies what the secret signs. */
export function lookUp({ secrets, clock }: Replica, kid: string, secret: string, owner = acme): string {
  const found = secrets.keysOf(owner).verifier(kid, clock.now);
  if (found.state !== "ok") return found.state;
  return found.key.verify(input, mac(secret)) ? "verifies" : "another secret";
}

/** The Problem's code, or "done". */
export async function problemOf(work: () => unknown): Promise<string> {
  try {
    await work();
    return "done";
  } catch (error) {
    return error instanceof Problem ? error.code : String(error);
  }
}

function kekNamed(name: string) {
  return kekOf(createHash("sha256").update(name).digest());
}
