import type { CounterRecord, SessionRow } from "./counter/record.ts";

/** Seals what a gateway keeps for Signet. `binding`: what it belongs to; it opens for the same binding alone. */
export interface Sealer {
  seal(text: string, binding: string): Uint8Array;
  /** Undefined: it was not sealed here, or for another binding. */
  open(sealed: Uint8Array, binding: string): string | undefined;
}

/** What puts a session back into a store that has lost it. */
export interface Resumable {
  readonly counter: Omit<CounterRecord, "sessions">;
  readonly row: SessionRow;
}

/** A session may only be put back by its own gateway, under the lease that it was opened under. */
function bindingOf(sessionId: string, { gateway, lease }: Pick<SessionRow, "gateway" | "lease">): string {
  return JSON.stringify([sessionId, gateway, lease]);
}

export function sealResume(sessionId: string, { counter, row }: Resumable, sealer: Sealer): Uint8Array {
  const { profile, tenant, by } = counter;
  const { openedAt, kid, token, issuedAt, subject } = row;
  const text = JSON.stringify([profile, tenant, by, openedAt, kid, token, issuedAt ?? null, subject]);
  return sealer.seal(text, bindingOf(sessionId, row));
}

/** Undefined: it is not what {@link sealResume} made for this session and lease. */
export function openResume(
  sessionId: string,
  sealed: Uint8Array,
  { connection, gateway, lease }: Pick<SessionRow, "connection" | "gateway" | "lease">,
  sealer: Sealer,
): Resumable | undefined {
  const text = sealer.open(sealed, bindingOf(sessionId, { gateway, lease }));
  if (text === undefined) return undefined;
  const [profile, tenant, by, openedAt, kid, token, issuedAt, subject] = JSON.parse(text);
  // Shared, because its gateway holds it.
  const held = { connection, gateway, lease, shared: true };
  const row = { ...held, openedAt, kid, token, issuedAt: issuedAt ?? undefined, subject };
  return { counter: { profile, tenant, by }, row };
}
