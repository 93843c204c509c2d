import { KEYSET_ALGORITHMS, type KeysetAlgorithm, type PublicJwk } from "../model.ts";
import type { RecordKind } from "../store/authenticated-record.ts";
import { array, broken, integer, object, oneOf, parseJson, parseRevoked, text } from "../store/fields.ts";
import { EPOCH_REASONS, type EpochRecord, type KeyRecord, NEVER } from "./record.ts";

/** The epochs of a keyset. */
export function keysetRecords(keyset: string): RecordKind<EpochRecord> {
  return {
    name: `keyset ${keyset}`,
    prefix: `keys/${keyset}/epoch/`,
    parse: parseRecord,
    owns: (members) => members.keyset === keyset,
  };
}

/** The keyset and epoch that the key of an entry names; undefined when it names no epoch of a keyset. */
export function keysetPlace(key: string): { readonly keyset: string; readonly epoch: number } | undefined {
  const [, keyset, epoch] = /^keys\/([A-Za-z0-9_-]+)\/epoch\/([1-9][0-9]{0,14})$/.exec(key) ?? [];
  return keyset === undefined ? undefined : { keyset, epoch: Number(epoch) };
}

/**
 * Checks every field of a stored record. Unknown fields are refused: they may be rules of a later version that this one
 * would break. Throws BROKEN_RECORD with the path of the first bad field, never with its value.
 */
export function parseRecord(json: string): EpochRecord {
  const fields = object(parseJson(json), "record", ["version", "keyset", "epoch", "createdAt", "reason", "keys"]);
  if (fields.version !== 1) throw broken("version", "must be 1");
  const epoch = integer(fields.epoch, "epoch", 1);
  const keys = array(fields.keys, "keys").map((key, index) => parseKey(key, epoch, `keys[${index}]`));
  if (keys.length === 0) throw broken("keys", "must not be empty");
  const kids = keys.map(({ kid }) => kid);
  if (new Set(kids).size !== kids.length) throw broken("keys", "must not hold one kid twice");
  return {
    version: 1,
    keyset: text(fields.keyset, "keyset", /^[A-Za-z0-9_-]+$/),
    epoch,
    createdAt: integer(fields.createdAt, "createdAt", 0),
    reason: oneOf(fields.reason, "reason", EPOCH_REASONS),
    keys,
  };
}

const KEY_FIELDS = ["kid", "alg", "publicJwk", "publishAt", "signFrom", "signUntil", "verifyUntil"];

function parseKey(value: unknown, epoch: number, path: string): KeyRecord {
  const fields = object(value, path, KEY_FIELDS, ["since", "sealed", "revoked"]);
  const alg = oneOf(fields.alg, `${path}.alg`, KEYSET_ALGORITHMS);
  const key: KeyRecord = {
    kid: text(fields.kid, `${path}.kid`, /^[A-Za-z0-9_-]{16}$/),
    alg,
    publicJwk: parsePublicJwk(fields.publicJwk, alg, `${path}.publicJwk`),
    publishAt: integer(fields.publishAt, `${path}.publishAt`, 0),
    signFrom: integer(fields.signFrom, `${path}.signFrom`, 0),
    signUntil: integer(fields.signUntil, `${path}.signUntil`, 0),
    verifyUntil: integer(fields.verifyUntil, `${path}.verifyUntil`, 0),
    // Records from before there were replicas have no such field.
    since: fields.since === undefined ? epoch : integer(fields.since, `${path}.since`, 1),
    ...(fields.sealed === undefined ? {} : { sealed: text(fields.sealed, `${path}.sealed`, /^[A-Za-z0-9_.-]+$/) }),
    ...(fields.revoked === undefined ? {} : { revoked: parseRevoked(fields.revoked, `${path}.revoked`) }),
  };
  if (key.since > epoch) throw broken(`${path}.since`, "must not be after the epoch");
  if (key.sealed !== undefined && key.revoked !== undefined)
    throw broken(`${path}.sealed`, "must be absent: the key is revoked");
  checkOrder(key, path);
  return key;
}

function checkOrder({ publishAt, signFrom, signUntil, verifyUntil }: KeyRecord, path: string): void {
  if (signFrom < publishAt) throw broken(`${path}.signFrom`, "must not be before publishAt");
  if (signFrom === NEVER && signUntil === NEVER && verifyUntil === NEVER) return;
  if (signUntil <= signFrom) throw broken(`${path}.signUntil`, "must be after signFrom");
  if (verifyUntil <= signUntil) throw broken(`${path}.verifyUntil`, "must be after signUntil");
}

function parsePublicJwk(value: unknown, alg: KeysetAlgorithm, path: string): PublicJwk {
  switch (alg) {
    case "EdDSA": {
      const { kty, crv, x } = object(value, path, ["kty", "crv", "x"]);
      return {
        kty: oneOf(kty, `${path}.kty`, ["OKP"] as const),
        crv: oneOf(crv, `${path}.crv`, ["Ed25519"] as const),
        x: text(x, `${path}.x`, bytes32),
      };
    }
    case "ES256": {
      const { kty, crv, x, y } = object(value, path, ["kty", "crv", "x", "y"]);
      return {
        kty: oneOf(kty, `${path}.kty`, ["EC"] as const),
        crv: oneOf(crv, `${path}.crv`, ["P-256"] as const),
        x: text(x, `${path}.x`, bytes32),
        y: text(y, `${path}.y`, bytes32),
      };
    }
    case "RS256":
    case "PS256": {
      const { kty, n, e } = object(value, path, ["kty", "n", "e"]);
      return {
        kty: oneOf(kty, `${path}.kty`, ["RSA"] as const),
        n: text(n, `${path}.n`, bytes256),
        e: oneOf(e, `${path}.e`, ["AQAB"] as const),
      };
    }
  }
}

/** base64url text of 32 and 256 bytes. */
const bytes32 = /^[A-Za-z0-9_-]{43}$/;
const bytes256 = /^[A-Za-z0-9_-]{342}$/;
