import type { KeysetAlgorithm, SecretEncoding } from "../../keys/model.ts";
import type { ClaimRule } from "../model/claims.ts";
import type { Rule } from "../model/rules.ts";

/** The file of a profile as it was written, with defaults: its form is checked, its sense is not. */
export interface ProfileFile {
  profile: string;
  description: string;
  issuer: string;
  tenant?: { claim?: string };
  subject?: string;
  header: { typ?: string; kid?: "required" | "absent" };
  keys: KeysInFile;
  lifetime: LifetimeInFile;
  request: object;
  claims: ClaimRule[];
  accept: object;
  aliases: Record<string, string[]>;
  context?: object;
  normalise: Record<string, NormaliseStep[]>;
  rules: { require: string; reason: Rule["reason"]; message: string }[];
  warnings: { when: string; code: string; message: string }[];
  ip?: { mode: "off" | "warn" | "enforce"; claim: string; prefix: { v4: number; v6: number } };
  carriers: CarrierInFile[];
  surfaces: SurfacesInFile;
  quarantine?: { deadline: string; max_failures: number };
}

export type KeysInFile =
  | { keyset: string; algorithm: KeysetAlgorithm }
  | { imported: "HS256"; encoding: SecretEncoding; keyset?: never };

export interface LifetimeInFile {
  exp: "required" | "optional" | "absent";
  default?: string;
  min: string;
  max?: string;
  extended?: { by: string; max: string };
  from?: string;
  max_age?: string;
  leeway: string;
  skew: string;
}

export type NormaliseStep = "trim" | { drop_prefix: string } | { drop_suffix: string };

export interface CarrierInFile {
  in: "header" | "query" | "cookie" | "body" | "frame";
  name: string;
  scheme?: string;
  scheme_optional?: boolean;
  prefix?: string;
  max_bytes: number;
}

interface HttpShown {
  status?: number;
  www_authenticate?: string;
}

interface CloseShown {
  code?: number;
  reason?: string;
}

export interface SurfacesInFile {
  http?: HttpShown & { status: number; reasons: Record<string, HttpShown> };
  websocket?: CloseShown & { code: number; reasons: Record<string, CloseShown> };
  frame?: { accepted?: unknown; rejected?: unknown; silent: string[] };
}
