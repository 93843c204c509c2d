import type { ExecutionContext } from "ava";
import type { AuditEvent } from "../../../src/audit/event.ts";
import { createUuidV7Generator } from "../../../src/audit/event-id.ts";
import { openSpool } from "../../../src/audit/spool/open.ts";
import type { SpoolOptions } from "../../../src/audit/spool/options.ts";
import type { Spool } from "../../../src/audit/spool/spool.ts";
import { callerNamed } from "../caller.ts";
import { tempFolder } from "./temp.ts";

/** A `token.issued` event that its number makes unique. */
export function issued(number: number): AuditEvent {
  return {
    type: "token.issued",
    profile: "service",
    tokenId: `token-${number}`,
    keyId: "abcdefghijklmnop",
    caller: callerNamed("spiffe://example.org/backend"),
    subjectHash: "abcdefghijklmnopqrstuv",
    audience: ["https://api.example.org"],
    issuedAt: 1_790_000_000_000,
    expiresAt: 1_790_000_300_000,
    requestId: "",
    tenant: "",
    extended: false,
    claims: { scope: "read" },
    claimsLeftOut: [],
    claimsDigest: "digest",
    profileDigest: "profile",
    ttlSeconds: 300,
    warnings: [],
    subject: "",
  };
}

export const TIME = 1_790_000_000_123;

/**
 * A spool in a new folder, unless one is given. It is closed after the test. Reads come from its files, unless
 * `recentBytes` is given.
 */
export async function makeSpool(t: ExecutionContext<unknown>, overrides: Partial<SpoolOptions> = {}): Promise<Spool> {
  const spool = await openSpool({
    folder: overrides.folder ?? (await tempFolder(t)),
    writer: () => "writer-1",
    newId: createUuidV7Generator(),
    monotonic: () => 0,
    recentBytes: 0,
    ...overrides,
  });
  t.teardown(() => spool.close());
  return spool;
}

/** Every durable body in the spool, oldest first. */
export async function bodiesOf(spool: Spool): Promise<Buffer[]> {
  const bodies: Buffer[] = [];
  for (let position = 0; ; ) {
    const events = await spool.read(position, 100);
    const last = events.at(-1);
    if (last === undefined) return bodies;
    bodies.push(...events.map((event) => event.body));
    position = last.position;
  }
}

/** The numbers that the bodies got from {@link issued}. */
export function numbersOf(bodies: readonly Buffer[]): number[] {
  return bodies.map((body) => Number(JSON.parse(body.toString()).tokenIssued.tokenId.slice("token-".length)));
}
