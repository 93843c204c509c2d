import test from "ava";
import { profileOf, shippedProfile } from "../../support/profiles/profiles.ts";
import { tinyProfile } from "../../support/profiles/tiny-profile.ts";

const CLAIMS = `  - { name: exp, from: expires_at }
  - { name: sub, from: subject }
  - { name: a, from: request.a }`;
const ACCEPT = "accept: { properties: { a: { properties: { id: { type: string } } } } }";
const sessions = (text: string) => profileOf(tinyProfile({ 7: CLAIMS, 8: ACCEPT, 9: text })).sessions;

test("a profile without sessions has none; one that only says so limits nothing, and counts by token", (t) => {
  t.is(sessions(""), undefined);
  t.deepEqual(sessions("sessions: {}"), { limit: undefined, by: "token" });
});

test("sessions are counted by token, by subject, or by a claim or a member of one", (t) => {
  t.deepEqual(sessions("sessions: { limit: 3 }"), { limit: 3, by: "token" });
  t.deepEqual(sessions("sessions: { limit: 3, by: subject }"), { limit: 3, by: "subject" });
  t.deepEqual(sessions("sessions: { limit: 3, by: a.id }"), { limit: 3, by: ["a", "id"] });
});

test("Euler Stream's tokens hold the number of their sockets, and each lives for 8 hours", (t) => {
  const { sessions, lifetime } = shippedProfile("euler-stream");
  t.deepEqual(sessions, { limit: ["ws", "maxWebSockets"], by: "token" });
  t.like(lifetime, { sessionMax: 8 * 3600, idleMax: undefined });
});
