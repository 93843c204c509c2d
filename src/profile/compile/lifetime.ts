import { formatDuration, wholeSeconds } from "../../schema/duration.ts";
import type { Faults } from "../../schema/fault.ts";
import type { ProfileFile } from "../file/schema.ts";
import type { ProfileLifetime } from "../model/profile.ts";
import { memberOfSchema } from "./schema-members.ts";

type LifetimeInFile = ProfileFile["lifetime"];
type DurationKey = "default" | "min" | "max" | "max_age" | "leeway" | "skew" | "session_max" | "idle_max";

/** Compiles the times of a profile. Contradictions, and tokens that would never expire, are faults. */
export function compileLifetime({ lifetime: raw, request }: ProfileFile, faults: Faults): ProfileLifetime {
  const seconds = (key: DurationKey): number | undefined =>
    raw[key] === undefined ? undefined : wholeSeconds(raw[key], (reason) => faults.add(["lifetime", key], reason));
  const maxAge = seconds("max_age");
  const lifetime: ProfileLifetime = {
    exp: raw.exp,
    default: seconds("default"),
    min: seconds("min") ?? 1,
    // A token without a ttl lives as long as it is accepted.
    max: seconds("max") ?? maxAge ?? 0,
    extended: raw.extended && {
      by: raw.extended.by,
      max: wholeSeconds(raw.extended.max, (reason) => faults.add(["lifetime", "extended", "max"], reason)),
    },
    ttlFrom: raw.from,
    maxAge,
    leeway: seconds("leeway") ?? 0,
    skew: seconds("skew") ?? 0,
    sessionMax: seconds("session_max"),
    idleMax: seconds("idle_max"),
  };
  checkPresence(raw, faults);
  checkBounds(lifetime, raw, faults);
  checkMembers(raw, request, faults);
  return lifetime;
}

/** Checks the keys that each mode of `exp` requires or forbids. */
function checkPresence(raw: LifetimeInFile, faults: Faults): void {
  const mustHave = (key: keyof LifetimeInFile, why: string): void => {
    if (raw[key] === undefined) faults.add(["lifetime", key], `is required ${why}`);
  };
  const mustNotHave = (key: keyof LifetimeInFile, why: string): void => {
    if (raw[key] !== undefined) faults.add(["lifetime", key], `is not allowed ${why}`);
  };
  if (raw.exp === "required" && raw.from === undefined)
    mustHave("default", "where exp is required and no `from` is given");
  if (raw.exp === "required" && raw.from !== undefined) mustNotHave("default", "together with `from`");
  if (raw.exp !== "required") {
    mustNotHave("default", "where exp is not required: without a ttl there is no exp");
    mustHave("max_age", "where exp is not required: such a token would never expire");
  }
  if (raw.exp !== "absent") mustHave("max", "where tokens have an exp");
  else for (const key of ["max", "extended", "from"] as const) mustNotHave(key, "where exp is absent");
}

function checkBounds(lifetime: ProfileLifetime, raw: LifetimeInFile, faults: Faults): void {
  const { min, max, extended, maxAge } = lifetime;
  const longest = extended?.max ?? max;
  if (min < 1) faults.add(["lifetime", "min"], "must be at least 1s");
  if (raw.max !== undefined && max < min) faults.add(["lifetime", "max"], `must be at least min (${raw.min})`);
  if (raw.max !== undefined && lifetime.default !== undefined && (lifetime.default < min || lifetime.default > max))
    faults.add(["lifetime", "default"], `must lie between min (${raw.min}) and max (${raw.max})`);
  if (raw.max !== undefined && extended !== undefined && extended.max <= max)
    faults.add(["lifetime", "extended", "max"], `must be more than max (${raw.max})`);
  if (raw.max !== undefined && maxAge !== undefined && longest > maxAge)
    faults.add(["lifetime", "max_age"], `must be at least the longest ttl (${formatDuration(longest * 1000)})`);
  const { sessionMax, idleMax } = lifetime;
  if (sessionMax !== undefined && idleMax !== undefined && idleMax > sessionMax)
    faults.add(["lifetime", "idle_max"], `must be at most session_max (${raw.session_max})`);
}

/** A request must be able to set the members that decide its ttl. */
function checkMembers(raw: LifetimeInFile, request: object, faults: Faults): void {
  if (raw.extended && memberOfSchema(request, [raw.extended.by]) === "unknown")
    faults.add(["lifetime", "extended", "by"], `request.${raw.extended.by} is not a member of the request schema`);
  else if (raw.extended && !mayBe("boolean", raw.extended.by, request))
    faults.add(["lifetime", "extended", "by"], `request.${raw.extended.by} must be a boolean in the request schema`);
  if (raw.from === undefined) return;
  const member = memberOfSchema(request, [raw.from]);
  if (member === "unknown")
    faults.add(["lifetime", "from"], `request.${raw.from} is not a member of the request schema`);
  else if (raw.exp === "required" && member !== "required")
    faults.add(
      ["lifetime", "from"],
      `request.${raw.from} must be required in the request schema, because exp is required`,
    );
}

/** Whether the `type` of a member, if it has one, allows this type. */
function mayBe(type: string, name: string, schema: object): boolean {
  const { properties } = schema as { readonly properties?: Readonly<Record<string, unknown>> };
  const types = (Object(properties?.[name]) as { readonly type?: unknown }).type;
  return types === undefined || [types].flat().includes(type);
}
