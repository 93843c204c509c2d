import { KeyringError } from "./error.ts";
import type { EpochRecord, KeyRecord, PublicJwk } from "./record.ts";
import { epochReasons } from "./record.ts";

type Fields = Record<string, unknown>;

/**
 * Checks every field of a record that storage gave back. Unknown fields are refused: they would be rules of a later
 * version that this one does not keep. Throws BROKEN_RECORD with the path of the first bad field, never with its value.
 */
export function parseRecord(json: string): EpochRecord {
  const fields = object(parseJson(json), "record", ["version", "keyset", "epoch", "createdAt", "reason", "keys"]);
  if (fields.version !== 1) throw broken("version", "must be 1");
  const keys = array(fields.keys, "keys").map((key, index) => parseKey(key, `keys[${index}]`));
  if (keys.length === 0) throw broken("keys", "must not be empty");
  const kids = keys.map(({ kid }) => kid);
  if (new Set(kids).size !== kids.length) throw broken("keys", "must not hold one kid twice");
  return {
    version: 1,
    keyset: text(fields.keyset, "keyset", /^[A-Za-z0-9_-]+$/),
    epoch: integer(fields.epoch, "epoch", 1),
    createdAt: integer(fields.createdAt, "createdAt", 0),
    reason: oneOf(fields.reason, "reason", epochReasons),
    keys,
  };
}

const keyFields = ["kid", "alg", "publicJwk", "publishAt", "signFrom", "signUntil", "verifyUntil"];

function parseKey(value: unknown, path: string): KeyRecord {
  const fields = object(value, path, keyFields, ["sealed"]);
  const key: KeyRecord = {
    kid: text(fields.kid, `${path}.kid`, /^[A-Za-z0-9_-]{16}$/),
    alg: oneOf(fields.alg, `${path}.alg`, ["EdDSA"] as const),
    publicJwk: parsePublicJwk(fields.publicJwk, `${path}.publicJwk`),
    publishAt: integer(fields.publishAt, `${path}.publishAt`, 0),
    signFrom: integer(fields.signFrom, `${path}.signFrom`, 0),
    signUntil: integer(fields.signUntil, `${path}.signUntil`, 0),
    verifyUntil: integer(fields.verifyUntil, `${path}.verifyUntil`, 0),
  };
  if (key.signFrom < key.publishAt) throw broken(`${path}.signFrom`, "must not be before publishAt");
  if (key.signUntil <= key.signFrom) throw broken(`${path}.signUntil`, "must be after signFrom");
  if (key.verifyUntil <= key.signUntil) throw broken(`${path}.verifyUntil`, "must be after signUntil");
  if (fields.sealed === undefined) return key;
  return { ...key, sealed: text(fields.sealed, `${path}.sealed`, /^[A-Za-z0-9_.-]+$/) };
}

function parsePublicJwk(value: unknown, path: string): PublicJwk {
  const fields = object(value, path, ["kty", "crv", "x"]);
  return {
    kty: oneOf(fields.kty, `${path}.kty`, ["OKP"] as const),
    crv: oneOf(fields.crv, `${path}.crv`, ["Ed25519"] as const),
    x: text(fields.x, `${path}.x`, /^[A-Za-z0-9_-]{43}$/),
  };
}

function parseJson(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    // The parser's own message would quote the text.
    throw broken("record", "must be JSON");
  }
}

function object(value: unknown, path: string, required: readonly string[], optional: readonly string[] = []): Fields {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw broken(path, "must be an object");
  const missing = required.find((name) => !Object.hasOwn(value, name));
  if (missing !== undefined) throw broken(`${path}.${missing}`, "is missing");
  const known = [...required, ...optional];
  if (!Object.keys(value).every((name) => known.includes(name))) {
    throw broken(path, `must hold nothing but ${known.join(", ")}`);
  }
  return { ...value };
}

function array(value: unknown, path: string): readonly unknown[] {
  if (!Array.isArray(value)) throw broken(path, "must be an array");
  return value;
}

function text(value: unknown, path: string, pattern: RegExp): string {
  if (typeof value !== "string" || !pattern.test(value))
    throw broken(path, `must be text that matches ${pattern.source}`);
  return value;
}

function integer(value: unknown, path: string, least: number): number {
  if (typeof value === "number" && Number.isSafeInteger(value) && value >= least) return value;
  throw broken(path, `must be a whole number, at least ${least}`);
}

function oneOf<Value extends string>(value: unknown, path: string, allowed: readonly Value[]): Value {
  const found = allowed.find((candidate) => candidate === value);
  if (found === undefined) throw broken(path, `must be one of ${allowed.join(", ")}`);
  return found;
}

function broken(path: string, rule: string): KeyringError {
  return new KeyringError("BROKEN_RECORD", `epoch record: ${path} ${rule}`);
}
