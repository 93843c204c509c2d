import type { Static } from "typebox";
import { createFaults, type Fault, type FaultAt } from "../schema/fault.ts";
import { choose, objectSchema } from "../schema/object-schema.ts";
import { compileOnUse } from "../schema/schema.ts";
import { parseYaml } from "../schema/yaml.ts";
import { CALLER_LIMITS_SCHEMA } from "./limits/caller-limits.ts";
import { METHODS, type Method, PERMISSIONS } from "./question.ts";
import type { SampleCall } from "./sample-call.ts";

/** In UTF-16 units: ten thousand callers. More is a mistake, or an attack on the parser. */
const MAX_FILE_LENGTH = 1_048_576;

const NAME = { type: "string", pattern: "^[a-z0-9-]{1,64}$", allowed: "1 to 64 of a-z 0-9 -" } as const;
const VALUE = { type: "string", minLength: 1, maxBytes: 255 } as const;
/** `[any]` would be a list with one name. */
const NOT_ANY = { not: { const: "any" }, allowed: "a value; `any` stands alone, without a list" } as const;
const DURATION = { type: "string", duration: true } as const;
const METHOD = { enum: METHODS } as const;

function listOf<const Item extends object>(items: Item) {
  return { type: "array", minItems: 1, uniqueItems: true, items } as const;
}

function anyOr<const List extends object>(list: List) {
  const any = { const: "any", allowed: "a list, or `any`" } as const;
  return { type: ["string", "array"], ...choose({ type: "string" }, any, list) } as const;
}

const SUBJECT = {
  type: ["string", "object"],
  ...choose({ type: "object" }, objectSchema({ prefix: VALUE }, ["prefix"]), { ...VALUE, ...NOT_ANY }),
} as const;

const PERMISSION_LIST = listOf({ enum: PERMISSIONS });

const RULE = objectSchema(
  {
    methods: listOf(METHOD),
    profiles: anyOr(listOf({ ...NAME, not: NOT_ANY.not })),
    tenants: listOf(VALUE),
    audiences: listOf(VALUE),
    // Not `uniqueItems`, which compares objects each with each.
    subjects: anyOr({ type: "array", minItems: 1, items: SUBJECT }),
    max_ttl: DURATION,
    permissions: PERMISSION_LIST,
    when: { type: "string", minLength: 1, maxLength: 2048 },
  },
  ["methods"],
);

const GROUP = objectSchema(
  {
    callers: listOf({ type: "string" }),
    limits: CALLER_LIMITS_SCHEMA,
    rules: { type: "array", minItems: 1, items: RULE },
  },
  ["callers", "rules"],
);

const TEST = objectSchema(
  {
    expect: { enum: ["allow", "deny"] },
    caller: { type: "string" },
    method: METHOD,
    proof: { enum: ["mtls", "jwt-svid"] },
    address: { type: "string", default: "" },
    profile: NAME,
    tenant: VALUE,
    audience: listOf(VALUE),
    subject: VALUE,
    ttl: DURATION,
    claims: { type: "object" },
    needs: PERMISSION_LIST,
  },
  ["expect", "caller", "method"],
);

const POLICY_SCHEMA = objectSchema(
  {
    groups: { type: "object", minProperties: 1, propertyNames: NAME, additionalProperties: GROUP },
    tests: { type: "array", default: [], items: TEST },
  },
  ["groups"],
);

const checkSyntax = compileOnUse(POLICY_SCHEMA, { defaults: true });

/** A rule as written. */
export type RuleInFile = Omit<Static<typeof RULE>, "methods" | "profiles" | "subjects"> & {
  readonly methods: readonly Method[];
  // The inferred types do not say which alternatives go together.
  readonly profiles?: "any" | readonly string[];
  readonly subjects?: "any" | readonly SubjectInFile[];
};

/** A subject: itself, `self` for the name of the caller, or all that begin with a text. */
export type SubjectInFile = string | { readonly prefix: string };

/** A call, and whether it must be allowed. */
type TestInFile = SampleCall & { readonly expect: "allow" | "deny" };

/** A group as written. */
interface GroupInFile extends Pick<Static<typeof GROUP>, "limits"> {
  readonly callers: readonly string[];
  readonly rules: readonly RuleInFile[];
}

/** A policy's file as written: its syntax is checked, its meaning is not. */
export interface PolicyFile {
  readonly groups: Readonly<Record<string, GroupInFile>>;
  readonly tests: readonly TestInFile[];
  readonly text: string;
  /** The name of the file. */
  readonly file: string;
  readonly faultAt: FaultAt;
}

/** Parses the text of a policy's file. Returns all syntax faults instead, each with its line. */
export function parsePolicy(text: string, file: string): PolicyFile | Fault[] {
  if (text.length > MAX_FILE_LENGTH)
    return [{ file, path: "", message: `must have at most ${MAX_FILE_LENGTH} characters` }];
  const document = parseYaml(text, file);
  if (Array.isArray(document)) return document;
  const { data, faultAt } = document;
  const faults = createFaults(faultAt);
  for (const { path, message } of checkSyntax(data)) faults.add(path, message);
  if (faults.found.length > 0) return faults.found;
  return { ...(data as Pick<PolicyFile, "groups" | "tests">), text, file, faultAt };
}
