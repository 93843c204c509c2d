import type { Caller } from "../../caller.ts";
import { flag, int32, int64, list, optionalTimestamp, text } from "../proto-json.ts";
import { event, provenBy } from "./event-type.ts";

export const KEY_EVENTS = {
  "key.rotated": event(
    "keyRotated",
    (rotated: {
      readonly keyset: string;
      readonly keysetEpoch: number;
      readonly added: readonly string[];
      readonly removed: readonly string[];
      readonly reason: string;
      /** Undefined when no caller asked for it. */
      readonly caller: Caller | undefined;
      /** The key that takes over next, or with this epoch; empty: none does. */
      readonly signingKeyId: string;
      readonly signsFrom: number | undefined;
    }) => ({
      keyset: text(rotated.keyset),
      keysetEpoch: int64(rotated.keysetEpoch),
      added: list(rotated.added),
      removed: list(rotated.removed),
      reason: text(rotated.reason),
      caller: text(rotated.caller?.name ?? ""),
      ...provenBy(rotated.caller),
      signingKeyId: text(rotated.signingKeyId),
      signsFrom: optionalTimestamp(rotated.signsFrom),
    }),
  ),
  "key.published": event(
    "keyPublished",
    (published: {
      /** Empty for an imported key. */
      readonly keyset: string;
      /** Empty for a key of a keyset, as is the tenant. */
      readonly profile: string;
      readonly tenant: string;
      readonly keyId: string;
      readonly algorithm: string;
      readonly jwk: Readonly<Record<string, string>>;
      /** Undefined: a standby. */
      readonly signsFrom: number | undefined;
    }) => ({
      keyset: text(published.keyset),
      profile: text(published.profile),
      tenant: text(published.tenant),
      keyId: text(published.keyId),
      algorithm: text(published.algorithm),
      jwk: published.jwk,
      signsFrom: optionalTimestamp(published.signsFrom),
    }),
  ),
  "key.imported": event(
    "keyImported",
    (imported: {
      readonly profile: string;
      /** Empty where the profile has none. */
      readonly tenant: string;
      readonly keyId: string;
      readonly caller: Caller;
      readonly algorithm: string;
      readonly byteLength: number;
      readonly fingerprint: string;
      readonly allowedWeak: boolean;
      /** Undefined when there was no earlier secret. */
      readonly overlapUntil: number | undefined;
    }) => ({
      profile: text(imported.profile),
      tenant: text(imported.tenant),
      keyId: text(imported.keyId),
      caller: text(imported.caller.name),
      byteLength: int32(imported.byteLength),
      fingerprint: text(imported.fingerprint),
      allowedWeak: flag(imported.allowedWeak),
      overlapUntil: optionalTimestamp(imported.overlapUntil),
      algorithm: text(imported.algorithm),
      ...provenBy(imported.caller),
    }),
  ),
  "key.revoked": event(
    "keyRevoked",
    (revoked: {
      /** Empty for an imported secret. */
      readonly keyset: string;
      /** Empty for a key of a keyset, as is the tenant. */
      readonly profile: string;
      readonly tenant: string;
      readonly keyId: string;
      /** Empty when no key is left to sign. */
      readonly signingKeyId: string;
      readonly keysetEpoch: number;
      readonly caller: Caller;
      readonly reason: string;
    }) => ({
      keyset: text(revoked.keyset),
      profile: text(revoked.profile),
      tenant: text(revoked.tenant),
      keyId: text(revoked.keyId),
      signingKeyId: text(revoked.signingKeyId),
      keysetEpoch: int64(revoked.keysetEpoch),
      caller: text(revoked.caller.name),
      reason: text(revoked.reason),
      ...provenBy(revoked.caller),
    }),
  ),
};
