import { REQUIRED } from "../problem/field-rules.ts";
import { type FieldViolation, invalidRequest } from "../problem/problem.ts";
import type { Profile } from "../profile/model/profile.ts";
import { completenessFaults } from "../token/verify/request.ts";
import { DIGEST_BYTES, isSessionId } from "./ids.ts";
import { LEAST_LEASE_MS, MOST_LEASE_MS } from "./lease/lease.ts";
import type { CloseRequest, ListRequest, OpenRequest, OpenVerification, RenewRequest, SessionPage } from "./service.ts";

/** Sessions that one call may name. */
export const MOST_IDS = 5_000;
const DEFAULT_PAGE = 100;
const MOST_PAGE = 1_000;
const NAME = /^[A-Za-z0-9._:-]{1,64}$/;
const LEASE_ID = /^[0-9a-f]{16}$/;
const MANY_IDS = `must have at most ${MOST_IDS} values`;
const NO_SESSION_ID = "must be a session_id: 48 lower-case hexadecimal digits";

/*
 * Each function below throws the Problem INVALID_REQUEST, which names every bad field.
 */

/** `now` in Unix milliseconds. Returns the request to verify, whose profile may be unknown. */
export function checkOpen(
  { verification, gatewayId, connectionId, leaseId, leaseMs }: OpenRequest,
  profiles: ReadonlyMap<string, Profile>,
  now: number,
): OpenVerification {
  const faults = new FieldFaults();
  if (verification === undefined) faults.add("verification", REQUIRED);
  else if (verification.profile === "") faults.add("verification.profile", REQUIRED);
  faults.add(
    "verification.at",
    verification?.at === undefined ? undefined : "must not be set: a session is opened now",
  );
  const profile = verification && profiles.get(verification.profile);
  if (verification !== undefined && profile !== undefined)
    for (const { field, description } of completenessFaults({ ...verification, at: undefined }, profile, now))
      faults.add(`verification.${field}`, description);
  faults.add("gateway_id", nameFault(gatewayId));
  faults.add("connection_id", nameFault(connectionId));
  faults.add("lease_id", leaseIdFault(leaseId));
  faults.add("lease", leaseFault(leaseMs));
  faults.throwIfAny();
  return verification as OpenVerification;
}

export function checkRenew(request: RenewRequest): void {
  const { gatewayId, leaseId, leaseMs, closedSessionIds, sessionCount, digest, page } = request;
  const faults = new FieldFaults();
  faults.add("gateway_id", nameFault(gatewayId));
  faults.add("lease_id", leaseIdFault(leaseId));
  faults.add("lease", leaseFault(leaseMs));
  faults.addIds("closed_session_ids", closedSessionIds, 0);
  faults.add("session_count", sessionCount >= 0 ? undefined : "must not be negative");
  faults.add(
    "digest",
    digest.length === DIGEST_BYTES ? undefined : `must have ${DIGEST_BYTES} bytes, zeros for no session`,
  );
  if (page !== undefined) checkPage(page, faults);
  faults.throwIfAny();
}

export function checkClose({ gatewayId, sessionIds }: CloseRequest): void {
  const faults = new FieldFaults();
  faults.add("gateway_id", nameFault(gatewayId));
  faults.addIds("session_ids", sessionIds, 1);
  faults.throwIfAny();
}

export function checkGateway(gatewayId: string): void {
  const faults = new FieldFaults();
  faults.add("gateway_id", nameFault(gatewayId));
  faults.throwIfAny();
}

/** Returns the size of the page. */
export function checkList({ profile, gatewayId, tokenId, pageSize, pageToken }: ListRequest): number {
  const faults = new FieldFaults();
  faults.add("gateway_id", gatewayId === "" ? undefined : nameFault(gatewayId));
  faults.add("token_id", tokenId !== "" && profile === "" ? "must not be set without a profile" : undefined);
  faults.add("page_size", pageSize >= 0 && pageSize <= MOST_PAGE ? undefined : `must be from 0 to ${MOST_PAGE}`);
  const isToken = pageToken === "" || isSessionId(pageToken);
  faults.add("page_token", isToken ? undefined : "must be the next_page_token of an answer");
  faults.throwIfAny();
  return pageSize === 0 ? DEFAULT_PAGE : pageSize;
}

function checkPage({ after, last, sessions, renewalId }: SessionPage, faults: FieldFaults): void {
  faults.add("page.after", after === "" || isSessionId(after) ? undefined : NO_SESSION_ID);
  // Its end would be its beginning, so that the list would never end.
  faults.add(
    "page.sessions",
    sessions.length > 0 || last ? undefined : "must not be empty unless the page is the last",
  );
  faults.add("page.sessions", sessions.length > MOST_IDS ? MANY_IDS : undefined);
  faults.add("page.renewal_id", renewalId === "" ? REQUIRED : undefined);
  let before = after;
  for (const [index, { sessionId }] of sessions.slice(0, MOST_IDS).entries()) {
    const isInOrder = isSessionId(sessionId) && sessionId > before;
    faults.add(
      `page.sessions[${index}].session_id`,
      isInOrder ? undefined : `${NO_SESSION_ID}, greater than the one before`,
    );
    before = sessionId;
  }
}

class FieldFaults {
  readonly #violations: FieldViolation[] = [];

  add(field: string, description: string | undefined): void {
    if (description !== undefined) this.#violations.push({ field, description });
  }

  addIds(field: string, ids: readonly string[], least: number): void {
    if (ids.length < least) this.add(field, REQUIRED);
    if (ids.length > MOST_IDS) this.add(field, MANY_IDS);
    for (const [index, id] of ids.slice(0, MOST_IDS).entries())
      this.add(`${field}[${index}]`, isSessionId(id) ? undefined : NO_SESSION_ID);
  }

  throwIfAny(): void {
    if (this.#violations.length > 0) throw invalidRequest(this.#violations);
  }
}

function nameFault(text: string): string | undefined {
  if (text === "") return REQUIRED;
  return NAME.test(text) ? undefined : "must be 1 to 64 characters of A-Z a-z 0-9 . _ : -";
}

function leaseIdFault(text: string): string | undefined {
  return text === "" || LEASE_ID.test(text) ? undefined : "must be the lease_id of an answer, or empty";
}

function leaseFault(ms: number | undefined): string | undefined {
  if (ms === undefined || (ms >= LEAST_LEASE_MS && ms <= MOST_LEASE_MS)) return undefined;
  return `must be from ${LEAST_LEASE_MS / 1000} s to ${MOST_LEASE_MS / 60_000} min`;
}
