import { StateError } from "../state/keyvalue.ts";
import { checkKey, checkPrefix } from "../state/limits.ts";

const ROOT = "$KV.signet.";
const written = /^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$/;

/** The subject of a key: `keys/service/epoch/3` is `$KV.signet.keys.service.epoch.3`. Throws BAD_KEY. */
export function subjectOf(key: string): string {
  // The library sends white space and line ends as they are: they would be commands of their own.
  checkKey(key);
  return ROOT + key.replaceAll("/", ".");
}

/** The key of a subject; undefined for one that {@link subjectOf} never makes. */
export function keyOf(subject: string): string | undefined {
  const rest = subject.slice(ROOT.length);
  return subject.startsWith(ROOT) && written.test(rest) ? rest.replaceAll(".", "/") : undefined;
}

/** A filter for at least all keys with this prefix: subjects are matched by whole segments. Throws BAD_KEY. */
export function filterOf(prefix: string): string {
  checkPrefix(prefix);
  return `${ROOT}${prefix.slice(0, prefix.lastIndexOf("/") + 1).replaceAll("/", ".")}>`;
}

/** The key of a subject that was asked for by key. */
export function requireKey(subject: string): string {
  const key = keyOf(subject);
  if (key !== undefined) return key;
  throw new StateError("CORRUPT", `the bucket answered with subject ${JSON.stringify(subject)}, which no key has`);
}
