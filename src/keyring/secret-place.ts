import { parseSecretEpoch } from "./parse-secret-epoch.ts";
import type { RecordKind } from "./record-kind.ts";
import type { SecretEpoch, SecretOwner } from "./secret-record.ts";

/** All secrets of all profiles and tenants are below it. */
export const SECRETS_PREFIX = "secrets/";

const PLACE = /^secrets\/([a-z0-9-]{1,64})\/([A-Za-z0-9_-]+)\/epoch\/([1-9][0-9]{0,14})$/;

/** A tenant is any text; no text has an encoding of one character. */
const NO_TENANT = "_";

/** The epochs of the secrets of a profile and tenant. */
export function secretRecords(owner: SecretOwner): RecordKind<SecretEpoch> {
  const { profile, tenant } = owner;
  const segment = tenant === "" ? NO_TENANT : Buffer.from(tenant).toString("base64url");
  return {
    name: `the secrets of profile ${profile}${tenant === "" ? "" : " and a tenant"}`,
    prefix: `${SECRETS_PREFIX}${profile}/${segment}/epoch/`,
    parse: parseSecretEpoch,
    owns: (record) => record.profile === profile && record.tenant === tenant,
  };
}

/** What the key of an entry says; undefined when no epoch of secrets is stored under it. */
export function secretPlace(key: string): { readonly owner: SecretOwner; readonly epoch: number } | undefined {
  const [, profile = "", segment = "", epoch] = PLACE.exec(key) ?? [];
  const tenant = segment === NO_TENANT ? "" : Buffer.from(segment, "base64url").toString();
  const owner = { profile, tenant };
  // Two keys for one tenant would be two rings.
  return key === `${secretRecords(owner).prefix}${epoch}` ? { owner, epoch: Number(epoch) } : undefined;
}
