import test from "ava";
import { Problem } from "../../src/problem/problem.ts";
import { checkClose, checkGateway, checkList, checkOpen, checkRenew } from "../../src/session/request.ts";
import type { ListRequest, OpenRequest, OpenVerification, RenewRequest } from "../../src/session/service.ts";
import { serviceProfile, shippedProfile } from "../support/profiles/profiles.ts";

const NOW = 1_700_000_000_000;
const id = (number: number) => number.toString(16).padStart(48, "0");
const PROFILES = new Map([serviceProfile(), shippedProfile("euler-stream")].map((profile) => [profile.name, profile]));

const VERIFICATION: OpenVerification = {
  ...{ profile: "euler-stream", tenant: "", audience: "", context: undefined, at: undefined },
  ...{ credential: { $case: "token", value: "a.b.c" }, consume: false, requestId: "" },
};
const OPEN: OpenRequest = {
  verification: VERIFICATION,
  gatewayId: "gateway-1",
  connectionId: "c.1_2:3-4",
  leaseId: "",
  leaseMs: undefined,
};
const RENEW: RenewRequest = {
  ...{ gatewayId: "g", leaseId: "", leaseMs: 30_000, closedSessionIds: [], sessionCount: 0, page: undefined },
  digest: new Uint8Array(16),
};
const LIST: ListRequest = { profile: "", tenant: "", gatewayId: "", tokenId: "", pageSize: 0, pageToken: "" };

/** The bad fields of a request, or the code of another problem. */
function faults(check: () => unknown): string[] {
  try {
    check();
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    if (error.code !== "INVALID_REQUEST") return [error.code];
    return error.violations.map(({ field, description }) => `${field} ${description}`);
  }
  return [];
}
const opening = (changes: object) => faults(() => checkOpen({ ...OPEN, ...changes }, PROFILES, NOW));
const verifying = (changes: object) => opening({ verification: { ...VERIFICATION, ...changes } });
const renewing = (changes: object) => faults(() => checkRenew({ ...RENEW, ...changes }));
const listing = (changes: object) => faults(() => checkList({ ...LIST, ...changes }));
const held = (sessionId: string) => ({ sessionId, resume: Buffer.alloc(150) });
const pageOf = (page: object) => renewing({ page: { after: "", last: true, sessions: [], renewalId: "1", ...page } });
const paging = (...sessions: object[]) => pageOf({ sessions });

test("a good open gives what to verify", (t) => {
  t.is(checkOpen(OPEN, PROFILES, NOW), VERIFICATION);
});

test("all bad fields of an open are named at once, those of its verification by their path", (t) => {
  t.deepEqual(
    opening({
      verification: { ...VERIFICATION, profile: "service", credential: undefined, at: new Date(NOW) },
      ...{ gatewayId: "", connectionId: "a b", leaseId: "é", leaseMs: 4_999 },
    }),
    [
      "verification.at must not be set: a session is opened now",
      "verification.token is required, or a carrier",
      "verification.audience is required",
      "gateway_id is required",
      "connection_id must be 1 to 64 characters of A-Z a-z 0-9 . _ : -",
      "lease_id must be the lease_id of an answer, or empty",
      "lease must be from 5 s to 5 min",
    ],
  );
  t.deepEqual(opening({ verification: undefined, gatewayId: "" }), [
    "verification is required",
    "gateway_id is required",
  ]);
  t.deepEqual(verifying({ profile: "" }), ["verification.profile is required"]);
});

test("an unknown profile is no bad field: what it requires is not known", (t) => {
  t.deepEqual(verifying({ profile: "none", credential: undefined }), []);
});

test("a lease lasts from 5 seconds to 5 minutes; the ids have 64 characters at most", (t) => {
  for (const leaseMs of [5_000, 300_000]) t.deepEqual(opening({ leaseMs }), [], `${leaseMs}`);
  for (const leaseMs of [0, -1, 4_999, 300_001, Number.NaN]) t.is(opening({ leaseMs }).length, 1, `${leaseMs}`);
  t.deepEqual(opening({ gatewayId: "g".repeat(64), connectionId: "c".repeat(64) }), []);
  t.is(opening({ gatewayId: "g".repeat(65), connectionId: "c".repeat(65) }).length, 2);
});

test("all bad fields of a renewal are named at once", (t) => {
  t.deepEqual(
    renewing({
      ...{ gatewayId: "/", leaseId: " ", leaseMs: 1, closedSessionIds: [id(1), "x"], sessionCount: -1 },
      digest: new Uint8Array(15),
      page: { after: "x", last: false, sessions: [held("y")], renewalId: "" },
    }).map((fault) => fault.split(" ")[0]),
    [
      ...["gateway_id", "lease_id", "lease", "closed_session_ids[1]", "session_count", "digest", "page.after"],
      ...["page.renewal_id", "page.sessions[0].session_id"],
    ],
  );
});

test("a page has its sessions in order, each once, behind the page before", (t) => {
  t.deepEqual(paging(held(id(1)), held(id(2))), []);
  const message = "session_id must be a session_id: 48 lower-case hexadecimal digits, greater than the one before";
  t.deepEqual(paging(held(id(2)), held(id(1)), held(id(1))), [
    `page.sessions[1].${message}`,
    `page.sessions[2].${message}`,
  ]);
  t.deepEqual(pageOf({ after: id(7), sessions: [held(id(7))] }), [`page.sessions[0].${message}`]);
  t.deepEqual(pageOf({}), []);
  t.deepEqual(pageOf({ last: false }), ["page.sessions must not be empty unless the page is the last"]);
});

test("a call names 5 000 sessions at most", (t) => {
  const ids = (count: number) => Array.from({ length: count }, (_, index) => id(index + 1));
  t.deepEqual(renewing({ closedSessionIds: ids(5_000) }), []);
  t.deepEqual(renewing({ closedSessionIds: ids(5_001) }), ["closed_session_ids must have at most 5000 values"]);
  t.deepEqual(paging(...ids(5_000).map((each) => held(each))), []);
  t.deepEqual(paging(...ids(5_001).map((each) => held(each))), ["page.sessions must have at most 5000 values"]);
  const closing = (sessionIds: string[]) => faults(() => checkClose({ gatewayId: "g", sessionIds }));
  t.deepEqual(closing(ids(5_000)), []);
  t.deepEqual(closing(ids(5_001)), ["session_ids must have at most 5000 values"]);
  t.deepEqual(closing([]), ["session_ids is required"]);
  t.deepEqual(closing([id(1).toUpperCase(), "é".repeat(48)]), [
    "session_ids[1] must be a session_id: 48 lower-case hexadecimal digits",
  ]);
});

test("a list goes on where the page before has ended, and knows tokens by their profile alone", (t) => {
  t.deepEqual(listing({ profile: "euler-stream", tokenId: "t", pageSize: 1_000, pageToken: id(9) }), []);
  t.deepEqual(listing({ tokenId: "t", gatewayId: "a b", pageSize: 1_001, pageToken: "9" }), [
    "gateway_id must be 1 to 64 characters of A-Z a-z 0-9 . _ : -",
    "token_id must not be set without a profile",
    "page_size must be from 0 to 1000",
    "page_token must be the next_page_token of an answer",
  ]);
  t.deepEqual(listing({ pageSize: -1 }), ["page_size must be from 0 to 1000"]);
});

test("who watches names a gateway", (t) => {
  t.deepEqual(
    faults(() => checkGateway("")),
    ["gateway_id is required"],
  );
  t.deepEqual(
    faults(() => checkGateway("g-1")),
    [],
  );
});
