import { EVENT_TYPES } from "../../audit/event-types.ts";
import { identityFault, tokenFault } from "../../problem/field-rules.ts";
import { usageError } from "../failure.ts";
import { decodeEvent } from "../output/audit-line.ts";

const ROOT = "signet.audit";

/** The options that choose events: those of one option are alternatives, and an event must satisfy all options. */
export interface AuditFilterOptions {
  readonly subject?: string;
  readonly type?: readonly string[];
  readonly profile?: readonly string[];
  readonly caller?: readonly string[];
  readonly key?: readonly string[];
  readonly token?: readonly string[];
}

export interface AuditFilter {
  /** The NATS subjects to read: `signet.audit.<type>.<profile>`, where the type is two subject tokens. */
  readonly subjects: readonly string[];
  /** Whether the body of an event satisfies what subjects can't say. Undefined: every event does. */
  readonly matches: ((event: { readonly body: Uint8Array }) => boolean) | undefined;
}

/**
 * Checks the options, and reports all faults together. Every subject token is checked: the NATS client checks none, and
 * a line break would inject a protocol line.
 */
export function auditFilter(options: AuditFilterOptions): AuditFilter {
  const faults = faultsOf(options);
  if (faults.length > 0) throw usageError(faults.join("; "));
  const { subject, type = ["*.*"], profile = ["*"], caller, key, token } = options;
  const subjects = new Set(type.flatMap((word) => profile.map((name) => `${ROOT}.${word}.${name}`)));
  const isAny = options.type === undefined && options.profile === undefined;
  return {
    subjects: subject === undefined ? (isAny ? [`${ROOT}.>`] : [...subjects]) : [subject],
    matches: (caller ?? key ?? token) ? ({ body }) => matchesBody(body, options) : undefined,
  };
}

function faultsOf({ subject, type = [], profile = [], caller = [], key = [], token = [] }: AuditFilterOptions) {
  const faults: string[] = [];
  if (subject !== undefined && !/^signet\.audit(\.([A-Za-z0-9_-]+|\*))*(\.([A-Za-z0-9_-]+|\*|>))$/.test(subject))
    faults.push(`--subject must be a NATS subject under ${ROOT}, such as ${ROOT}.token.> or ${ROOT}.*.*.service`);
  if (type.some((word) => !Object.hasOwn(EVENT_TYPES, word)))
    faults.push(`--type must be of ${Object.keys(EVENT_TYPES).join(", ")}`);
  if (profile.some((name) => !/^[A-Za-z0-9_-]+$/.test(name)))
    faults.push("--profile must be of the characters A-Z, a-z, 0-9, _ and -");
  for (const [option, values] of Object.entries({ caller, key, token })) {
    const fault = values.map((value) => identityFault(value) ?? tokenFault(value)).find((found) => found !== undefined);
    if (fault !== undefined) faults.push(`--${option} must be ${WANTED[option]}; it ${fault}`);
  }
  return faults;
}

const WANTED: Readonly<Record<string, string>> = {
  caller: "the name of a caller, as audit events show it",
  key: "a key id",
  token: "the id of a token, as signet token inspect shows it",
};

function matchesBody(body: Uint8Array, { caller, key, token }: AuditFilterOptions): boolean {
  const value = decodeEvent(body)?.event?.value;
  if (value === undefined) return false;
  const isNamed = (wanted: readonly string[] | undefined, names: readonly string[]) =>
    wanted === undefined || names.some((name) => wanted.includes(name));
  return isNamed(caller, callersIn(value)) && isNamed(key, keysIn(value)) && isNamed(token, tokensIn(value));
}

type EventValue = NonNullable<NonNullable<ReturnType<typeof decodeEvent>>["event"]>["value"];

function callersIn(value: EventValue): string[] {
  return "caller" in value ? [value.caller] : [];
}

/** Every key that the event names, also as one that was added, removed, or signs from now on. */
function keysIn(value: EventValue): string[] {
  return [
    ...("keyId" in value ? [value.keyId] : []),
    ...("signingKeyId" in value ? [value.signingKeyId] : []),
    ...("added" in value ? [...value.added, ...value.removed] : []),
  ];
}

function tokensIn(value: EventValue): string[] {
  return [...("tokenId" in value ? [value.tokenId] : []), ...("tokenIds" in value ? value.tokenIds : [])];
}
