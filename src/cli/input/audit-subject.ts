import { usage } from "../failure.ts";

const ROOT = "signet.audit";

/**
 * The NATS subject to read, `signet.audit.<type>.<profile>`, where a type is two tokens such as `token.issued`. Every
 * token is checked: the NATS client checks none, and white space or a line break would inject protocol lines.
 */
export function auditSubject(filter: {
  readonly subject?: string;
  readonly type?: string;
  readonly profile?: string;
}): string {
  if (filter.subject !== undefined) return ownSubject(filter.subject);
  const { type, profile } = filter;
  if (type !== undefined && !/^[a-z]+\.[a-z]+$/.test(type))
    throw usage("--type must be two words, such as token.issued");
  if (profile !== undefined && !/^[A-Za-z0-9_-]+$/.test(profile)) throw usage("--profile must be of A-Z a-z 0-9 _ -");
  if (type === undefined && profile === undefined) return `${ROOT}.>`;
  return `${ROOT}.${type ?? "*.*"}.${profile ?? "*"}`;
}

function ownSubject(subject: string): string {
  if (/^signet\.audit(\.([A-Za-z0-9_-]+|\*))*(\.([A-Za-z0-9_-]+|\*|>))$/.test(subject)) return subject;
  throw usage(`--subject must be a NATS subject under ${ROOT}, such as ${ROOT}.token.> or ${ROOT}.*.*.service`);
}
