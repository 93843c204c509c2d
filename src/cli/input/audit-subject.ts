import { usageError } from "../failure.ts";

const ROOT = "signet.audit";

/**
 * The NATS subject to read, `signet.audit.<type>.<profile>`, where the type is two subject tokens such as
 * `token.issued`. Every subject token is checked: the NATS client checks none, and a line break would inject a protocol
 * line.
 */
export function auditSubject(filter: {
  readonly subject?: string;
  readonly type?: string;
  readonly profile?: string;
}): string {
  if (filter.subject !== undefined) return ownSubject(filter.subject);
  const { type, profile } = filter;
  if (type !== undefined && !/^[a-z]+\.[a-z]+$/.test(type))
    throw usageError("--type must be two words, such as token.issued");
  if (profile !== undefined && !/^[A-Za-z0-9_-]+$/.test(profile))
    throw usageError("--profile must be of the characters A-Z, a-z, 0-9, _ and -");
  if (type === undefined && profile === undefined) return `${ROOT}.>`;
  return `${ROOT}.${type ?? "*.*"}.${profile ?? "*"}`;
}

function ownSubject(subject: string): string {
  if (/^signet\.audit(\.([A-Za-z0-9_-]+|\*))*(\.([A-Za-z0-9_-]+|\*|>))$/.test(subject)) return subject;
  throw usageError(`--subject must be a NATS subject under ${ROOT}, such as ${ROOT}.token.> or ${ROOT}.*.*.service`);
}
