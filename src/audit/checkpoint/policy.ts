import { CodedError } from "../../coded-error.ts";
import { writerOf } from "../stream-message.ts";
import { ed25519Verifier } from "./ed25519.ts";
import { NoteError, openNote, parseVerifierKey, type VerifierKey } from "./note.ts";

/** A policy that can't be used. The message names the line and what is allowed. */
export class PolicyError extends CodedError<"MALFORMED"> {}

/** What a policy says of the signatures of a checkpoint. */
type SignatureVerdict = "VALID" | "UNKNOWN_LOG" | "BAD_SIGNATURE";

/** The logs that a reader trusts, each with its key (C2SP tlog-policy). */
export interface LogPolicy {
  /** Whether it names a log of this writer. */
  names(writer: string): boolean;
  /** Whether the log of the origin is trusted with this key, in the text of verifier keys. */
  trusts(origin: string, verifierKey: string): boolean;
  /** Checks a note whose text names the origin. Throws a {@link NoteError} MALFORMED where it is no note. */
  judge(note: string, origin: string): SignatureVerdict;
}

interface TrustedKey {
  readonly text: string;
  readonly key: VerifierKey;
  readonly verify: ReturnType<typeof ed25519Verifier>;
}

/**
 * Reads a policy file: lines `log <vkey> [<url>]` and one line `quorum none`. No witness cosigns the checkpoints of
 * Signet, so another quorum can never be reached and is refused.
 *
 * @throws PolicyError
 */
export function parsePolicy(text: string): LogPolicy {
  const lines = text.split("\n").map(readLine);
  const [quorum, second] = lines.flatMap(({ keyword }, at) => (keyword === "quorum" ? [at] : []));
  if (quorum === undefined) throw new PolicyError("MALFORMED", "a policy must have the line `quorum none`");
  if (second !== undefined) throw fault(second, "a policy must have one line `quorum none`, and this is another one");
  const logs = lines.flatMap(({ log }) => log ?? []);
  if (logs.length === 0) throw new PolicyError("MALFORMED", "a policy must name a log: `log <vkey>`");
  if (new Set(logs.map(({ key }) => key.publicKey.toString("hex"))).size < logs.length)
    throw new PolicyError("MALFORMED", "two lines have the same key: each log has a key of its own");
  return policyOf(Map.groupBy(logs, ({ key }) => key.name));
}

const KEYWORDS = ["log", "witness", "group", "quorum"];

function readLine(line: string, at: number): { readonly keyword?: string; readonly log?: TrustedKey } {
  if (hasControlCharacter(line)) throw fault(at, "must have no control characters but tabs");
  const [keyword = "#", ...items] = line.split(/[ \t]+/).filter((item) => item !== "");
  if (keyword.startsWith("#")) return {};
  if (!KEYWORDS.includes(keyword)) throw fault(at, `must begin with one of ${KEYWORDS.join(", ")}`);
  if (keyword === "quorum" && items.join(" ") !== "none")
    throw fault(at, "must be `quorum none`: no witness cosigns these checkpoints");
  return keyword === "log" ? { keyword, log: readLog(at, items) } : { keyword };
}

function policyOf(logs: ReadonlyMap<string, readonly TrustedKey[]>): LogPolicy {
  const writers = new Set(Array.from(logs.keys(), writerOf));
  return {
    names: (writer) => writers.has(writer),
    trusts: (origin, verifierKey) => (logs.get(origin) ?? []).some(({ text }) => text === verifierKey),
    judge(note, origin) {
      const keys = logs.get(origin);
      if (keys === undefined) return "UNKNOWN_LOG";
      return keys.some((key) => isSignedBy(note, key)) ? "VALID" : "BAD_SIGNATURE";
    },
  };
}

function isSignedBy(note: string, { key, verify }: TrustedKey): boolean {
  try {
    openNote(note, key, verify);
    return true;
  } catch (error) {
    if (error instanceof NoteError && error.code === "UNSIGNED") return false;
    throw error;
  }
}

function readLog(at: number, items: readonly string[]): TrustedKey {
  const [text = "", , ...more] = items;
  if (more.length > 0) throw fault(at, "must be `log <vkey> [<url>]`");
  try {
    const key = parseVerifierKey(text);
    return { text, key, verify: ed25519Verifier(key.publicKey) };
  } catch (error) {
    if (error instanceof NoteError) throw fault(at, error.message, error);
    throw error;
  }
}

function fault(at: number, message: string, cause?: unknown): PolicyError {
  return new PolicyError("MALFORMED", `line ${at + 1}: ${message}`, { cause });
}

function hasControlCharacter(line: string): boolean {
  return /(?!\t)\p{Cc}/u.test(line);
}
