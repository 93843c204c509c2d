import { KEY_ID } from "../../problem/field-rules.ts";
import type { Entry } from "../../state/keyvalue.ts";
import { ALGORITHMS } from "../model.ts";
import { judgeRecord, type RecordKeys, type RecordKind, type Verdict } from "../store/authenticated-record.ts";
import { array, broken, integer, object, oneOf, parseJson, parseRevoked, text } from "../store/fields.ts";
import { epochNumber } from "../store/survey.ts";
import { SECRET_ENCODINGS, type SecretEpoch, type SecretOwner, type SecretRecord } from "./secret.ts";

/** Checks every field, and refuses unknown ones. Throws BROKEN_RECORD with the path of the first bad field. */
export function parseSecretEpoch(json: string): SecretEpoch {
  const names = ["version", "profile", "tenant", "epoch", "createdAt", "secrets"];
  const fields = object(parseJson(json), "record", names);
  if (fields.version !== 1) throw broken("version", "must be 1");
  const secrets = array(fields.secrets, "secrets").map((secret, index) => parseSecret(secret, `secrets[${index}]`));
  if (secrets.length === 0) throw broken("secrets", "must not be empty");
  if (new Set(secrets.map(({ kid }) => kid)).size !== secrets.length)
    throw broken("secrets", "must not hold one kid twice");
  checkSigner(secrets);
  return {
    version: 1,
    profile: text(fields.profile, "profile", /^[a-z0-9-]{1,64}$/),
    tenant: text(fields.tenant, "tenant", /^.{0,255}$/s),
    epoch: integer(fields.epoch, "epoch", 1),
    createdAt: integer(fields.createdAt, "createdAt", 0),
    secrets,
  };
}

/**
 * The last secret that still has its text signs, and it alone has no end. Only revocations can leave no such secret.
 */
function checkSigner(secrets: readonly SecretRecord[]): void {
  const last = secrets.findLast(({ sealed }) => sealed !== undefined);
  const revoked = secrets.some((secret) => secret.revoked !== undefined);
  const rightEnds = secrets.every((secret) => (secret === last) === (secret.verifyUntil === undefined));
  if (!rightEnds || (last === undefined && !revoked))
    throw broken(
      "secrets",
      "must have one that signs: the last sealed one, the only one without verifyUntil, unless all were revoked",
    );
}

const SECRET_FIELDS = ["kid", "alg", "encoding", "byteLength", "fingerprint", "signFrom"];

function parseSecret(value: unknown, path: string): SecretRecord {
  const fields = object(value, path, SECRET_FIELDS, ["verifyUntil", "sealed", "revoked"]);
  const secret: SecretRecord = {
    kid: text(fields.kid, `${path}.kid`, KEY_ID),
    alg: oneOf(fields.alg, `${path}.alg`, ALGORITHMS),
    encoding: oneOf(fields.encoding, `${path}.encoding`, SECRET_ENCODINGS),
    byteLength: integer(fields.byteLength, `${path}.byteLength`, 1),
    fingerprint: text(fields.fingerprint, `${path}.fingerprint`, /^[A-Za-z0-9_-]{16}$/),
    signFrom: integer(fields.signFrom, `${path}.signFrom`, 0),
  };
  const whole: SecretRecord = {
    ...secret,
    ...(fields.verifyUntil === undefined
      ? {}
      : { verifyUntil: integer(fields.verifyUntil, `${path}.verifyUntil`, secret.signFrom) }),
    ...(fields.sealed === undefined ? {} : { sealed: text(fields.sealed, `${path}.sealed`, /^[A-Za-z0-9_.-]+$/) }),
    ...(fields.revoked === undefined ? {} : { revoked: parseRevoked(fields.revoked, `${path}.revoked`) }),
  };
  if (whole.sealed !== undefined && whole.revoked !== undefined)
    throw broken(`${path}.sealed`, "must be absent: the secret is revoked");
  return whole;
}

/** The prefix of all secrets of all profiles and tenants. */
export const SECRETS_PREFIX = "secrets/";

const PLACE = /^secrets\/([a-z0-9-]{1,64})\/([A-Za-z0-9_-]+)\/epoch\/(.+)$/;

/** Never the base64url encoding of a tenant: no encoding has one character. */
const NO_TENANT = "_";

/** The epochs of the secrets of a profile and tenant. */
export function secretRecords(owner: SecretOwner): RecordKind<SecretEpoch> {
  const { profile, tenant } = owner;
  const segment = tenant === "" ? NO_TENANT : Buffer.from(tenant).toString("base64url");
  return {
    name: `the secrets of profile ${profile}${tenant === "" ? "" : " and a tenant"}`,
    prefix: `${SECRETS_PREFIX}${profile}/${segment}/epoch/`,
    parse: parseSecretEpoch,
    owns: (members) => members.profile === profile && members.tenant === tenant,
  };
}

/** The owner of a ring of secrets, and the number of an epoch; undefined: an entry of the ring that is no epoch. */
export interface SecretPlace {
  readonly owner: SecretOwner;
  readonly epoch: number | undefined;
}

/** What the key of an entry names; undefined when it names nothing in a ring of secrets. */
export function secretPlace(key: string): SecretPlace | undefined {
  const [, profile = "", segment = "", epoch] = PLACE.exec(key) ?? [];
  const tenant = segment === NO_TENANT ? "" : Buffer.from(segment, "base64url").toString();
  const owner = { profile, tenant };
  const { prefix } = secretRecords(owner);
  // Only the canonical key: two keys for one tenant would be two rings.
  return key === `${prefix}${epoch}` ? { owner, epoch: epochNumber(key, prefix) } : undefined;
}

/** What an entry is at the place that its key names; one that names no epoch is garbage. */
export function judgeSecretEntry({ key, value }: Pick<Entry, "key" | "value">, keys: RecordKeys): Verdict {
  const { owner, epoch } = secretPlace(key) ?? {};
  if (owner === undefined || epoch === undefined) return "garbage";
  return judgeRecord(value, secretRecords(owner), epoch, keys);
}
