import type { StreamConfig } from "nats";
import type { Findings } from "../audit/forward/sink.ts";

/**
 * Judges the settings that a stream was found with. `wanted`: those that Signet creates it with; the others are off.
 */
export type JudgeSettings = (use: StreamUse, found: StreamConfig, wanted: Partial<StreamConfig>) => Findings;

/** `bucket`: the state. `live`: the live store, whose settings are judged as those of the state. */
type StreamUse = "bucket" | "live" | "audit";
type Verdict = "refused" | "alarm" | "harmless";
/** The settings by name: servers know more of them than the types of the library. */
type Settings = ReadonlyMap<string, unknown>;

interface Rule {
  readonly setting: string;
  readonly bucket: Verdict;
  readonly audit: Verdict;
  /** Flags of `nats stream edit`. */
  readonly wayOut: string;
  /** What the setting does, for the operator. */
  readonly effect: string;
  /** Whether the setting is not as it should be. Default: it is not the wanted one. */
  readonly differs?: (found: Settings, wanted: Settings, use: StreamUse) => boolean;
  /** Default: the wanted value. */
  readonly allowed?: (wanted: Settings, use: StreamUse) => string;
}

const BY_FILE = "--config FILE";
/** JetStream can't change it. */
const BY_DELETING = "";

/** The largest message that Signet writes or reads: the largest value as base64, with its headers. */
export const LARGEST_MESSAGE: Readonly<Record<StreamUse, number>> = {
  bucket: 128 * 1024,
  live: 768 * 1024,
  audit: 128 * 1024,
};

export const SETTING_RULES: readonly Rule[] = [
  // setting, for the bucket, for the audit stream, way out, what it does
  rule("max_age", "refused", "alarm", "--max-age=0s", "whatever reaches that age disappears"),
  rule("discard", "refused", "refused", "--discard=new", "at its limit, each write removes the oldest message", {
    differs: (found) => dropsOldest(found) && isLimited(found),
  }),
  rule("discard", "alarm", "alarm", "--discard=new", "with a limit, the oldest messages would be removed", {
    differs: (found) => dropsOldest(found) && !isLimited(found),
  }),
  rule("retention", "refused", "refused", BY_FILE, "what was delivered, or has no consumer, is removed"),
  rule("storage", "refused", "refused", BY_DELETING, "a restart of the server forgets everything"),
  rule("mirror", "refused", "refused", BY_DELETING, "it takes no writes, and shows another stream, later"),
  rule("sources", "refused", "alarm", BY_FILE, "messages of other streams are stored among Signet's"),
  rule("subject_transform", "refused", "refused", BY_FILE, "messages are stored under other subjects"),
  rule(
    "max_msgs_per_subject",
    "alarm",
    "harmless",
    "--max-msgs-per-subject=1",
    "earlier values stay, also those of sealed keys",
  ),
  rule("max_msgs_per_subject", "harmless", "refused", "--max-msgs-per-subject=-1", "each event removes an older one"),
  rule("max_msgs", "alarm", "alarm", "--max-msgs=-1", "a full stream refuses every write", {
    differs: (found) => !dropsOldest(found) && !isOff(found.get("max_msgs")),
  }),
  rule("max_bytes", "alarm", "alarm", "--max-bytes=-1", "a full stream refuses every write", {
    differs: (found) => !dropsOldest(found) && !isOff(found.get("max_bytes")),
  }),
  rule("max_msg_size", "alarm", "alarm", "--max-msg-size=-1", "larger messages are refused", {
    differs: (found, _, use) =>
      !isOff(found.get("max_msg_size")) && Number(found.get("max_msg_size")) < LARGEST_MESSAGE[use],
    allowed: (_, use) => `off, or ${LARGEST_MESSAGE[use]} and more`,
  }),
  rule("max_consumers", "alarm", "harmless", BY_FILE, "replicas beyond that number can't read"),
  rule("discard_new_per_subject", "alarm", "alarm", BY_FILE, "further writes under a subject are refused"),
  rule("subjects", "alarm", "alarm", BY_FILE, "what Signet writes under other subjects is not stored"),
  rule("num_replicas", "alarm", "alarm", "--replicas=N", "it is lost with fewer servers than nats.replicas says", {
    differs: isBelow("num_replicas"),
    allowed: (wanted) => `${wanted.get("num_replicas")} or more`,
  }),
  rule("no_ack", "alarm", "alarm", "--ack", "it is unknown whether a write was stored"),
  rule("sealed", "alarm", "alarm", BY_DELETING, "every write is refused"),
  rule("persist_mode", "alarm", "alarm", BY_DELETING, "a killed server loses writes that it acknowledged"),
  rule("allow_msg_counter", "alarm", "alarm", BY_DELETING, "every write that is no counter is refused"),
  rule("allow_msg_ttl", "alarm", "alarm", BY_DELETING, "other clients can write messages that disappear"),
  rule("deny_delete", "alarm", "alarm", BY_FILE, "single messages can be deleted"),
  rule("deny_purge", "alarm", "harmless", BY_DELETING, "entries that have ended can't be removed"),
  rule("allow_rollup_hdrs", "harmless", "alarm", BY_FILE, "one message can replace all events"),
  rule("duplicate_window", "harmless", "alarm", "--dupe-window=2m", "an event that is sent again is stored again", {
    differs: isBelow("duplicate_window"),
    allowed: (wanted) => `${show("duplicate_window", wanted)} or more`,
  }),
  rule("republish", "alarm", "harmless", BY_FILE, "entries are published under further subjects"),
];

function rule(
  setting: string,
  bucket: Verdict,
  audit: Verdict,
  wayOut: string,
  effect: string,
  own: Pick<Rule, "differs" | "allowed"> = {},
): Rule {
  return { setting, bucket, audit, wayOut, effect, ...own };
}

/** Signet never reads directly from a server that may be behind, so `allow_direct` does not matter. */
const HARMLESS = [
  ...["name", "description", "metadata", "placement", "template_owner", "compression", "first_seq", "consumer_limits"],
  ...["allow_direct", "mirror_direct", "subject_delete_marker_ttl", "allow_atomic", "allow_batched"],
  ...["allow_msg_schedules"],
];

const KNOWN = new Set([...HARMLESS, ...SETTING_RULES.map(({ setting }) => setting)]);

/** Judges by the table above. A setting that is not in it is an alarm: a later version of NATS may forget by it. */
export const judgeSettings: JudgeSettings = (use, foundConfig, wantedConfig) => {
  const found: Settings = new Map(Object.entries(foundConfig));
  const wanted: Settings = new Map(Object.entries(wantedConfig));
  const column = use === "audit" ? "audit" : "bucket";
  const broken = SETTING_RULES.filter((rule) => rule[column] !== "harmless" && differs(rule, found, wanted, use));
  const textsOf = (verdict: Verdict) =>
    broken.filter((rule) => rule[column] === verdict).map((rule) => describe(rule, found, wanted, use));
  const unknown = [...found.keys()].filter((setting) => !KNOWN.has(setting) && !isOff(found.get(setting)));
  const unknownTexts = unknown.map(
    (setting) => `${nameOf(setting, found)} is ${show(setting, found)}: this version of Signet does not know it`,
  );
  return { refused: textsOf("refused"), alarms: [...textsOf("alarm"), ...unknownTexts] };
};

function differs({ setting, differs: own }: Rule, found: Settings, wanted: Settings, use: StreamUse): boolean {
  return own === undefined ? isOther(setting, found, wanted) : own(found, wanted, use);
}

function describe(
  { setting, wayOut, effect, allowed }: Rule,
  found: Settings,
  wanted: Settings,
  use: StreamUse,
): string {
  const shouldBe = allowed?.(wanted, use) ?? show(setting, wanted);
  const stream = String(found.get("name"));
  const way =
    wayOut === BY_DELETING ? "delete the stream: see docs/operations.md" : `nats stream edit ${stream} ${wayOut}`;
  return `${nameOf(setting, found)} is ${show(setting, found)}, allowed is ${shouldBe}: ${effect} (${way})`;
}

function nameOf(setting: string, found: Settings): string {
  return `${setting} of ${found.get("name")}`;
}

function dropsOldest(found: Settings): boolean {
  return found.get("discard") === "old";
}

function isLimited(found: Settings): boolean {
  return ["max_msgs", "max_bytes"].some((limit) => !isOff(found.get(limit)));
}

function isBelow(setting: string) {
  return (found: Settings, wanted: Settings) => Number(found.get(setting) ?? 0) < Number(wanted.get(setting));
}

function isOther(setting: string, found: Settings, wanted: Settings): boolean {
  const [left, right] = [found.get(setting), wanted.get(setting)];
  return !(isOff(left) && isOff(right)) && JSON.stringify(left) !== JSON.stringify(right);
}

/** A server omits settings that are off, and those that its version does not know. */
function isOff(value: unknown): boolean {
  if (typeof value === "object" && value !== null) return Object.keys(value).length === 0;
  return value === undefined || value === null || OFF.has(value);
}

const OFF = new Set<unknown>([false, 0, -1, "", "none", "default"]);
const IN_NANOSECONDS = ["max_age", "duplicate_window"];

function show(setting: string, settings: Settings): string {
  const value = settings.get(setting);
  if (isOff(value)) return "off";
  return IN_NANOSECONDS.includes(setting) ? `${Number(value) / 1e9} s` : JSON.stringify(value);
}
