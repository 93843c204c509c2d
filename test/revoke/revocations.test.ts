import test, { type ExecutionContext } from "ava";
import { encodeRevocation, type Revocation } from "../../src/revoke/revocation.ts";
import { openRevocations, type Revocations } from "../../src/revoke/revocations.ts";
import { createMemoryKeyValue } from "../../src/state/memory.ts";

const NOW = 1_700_000_000_000;
const SECOND = NOW / 1000;
const HOUR = 3_600_000;

const revokedToken = (tokenId: string, more: Partial<Revocation> = {}): Revocation =>
  ({ kind: "token", profile: "service", tenant: "", at: NOW, until: NOW + HOUR, tokenId, ...more }) as Revocation;
const revokedSubject = (subject: string, issuedBefore: number): Revocation => ({
  kind: "subject",
  profile: "service",
  tenant: "",
  at: NOW,
  until: NOW + HOUR,
  subjectHash: `hash of ${subject}`,
  issuedBefore,
});
const token = (tokenId: string, more = {}) => ({
  profile: "service",
  tenant: "",
  tokenId,
  subject: "alice",
  issuedAt: SECOND,
  ...more,
});

function fixture(t: ExecutionContext) {
  const clock = { now: NOW };
  const store = createMemoryKeyValue(() => clock.now);
  const problems: unknown[] = [];
  async function open(): Promise<Revocations> {
    const revocations = await openRevocations({
      store,
      now: () => clock.now,
      hashSubject: (subject) => `hash of ${subject}`,
      problem: (error) => problems.push(error),
    });
    t.teardown(() => revocations.stop());
    return revocations;
  }
  return { clock, store, problems, open };
}

/** The first so many that a watch tells. */
async function told(revocations: Revocations, count: number, act: () => unknown = () => {}) {
  const ending = new AbortController();
  const items: (Revocation | "current")[] = [];
  const acted = { done: false };
  for await (const item of revocations.watch(ending.signal)) {
    items.push(item);
    if (item === "current" && !acted.done) {
      acted.done = true;
      await act();
    }
    if (items.length === count) break;
  }
  return items;
}

test("a token that was taken back is revoked, and no other one is", async (t) => {
  const revocations = await fixture(t).open();
  await revocations.revoke([revokedToken("a")]);
  t.true(revocations.has(token("a")));
  t.false(revocations.has(token("b")));
});

test("the same id under another profile or tenant is another token", async (t) => {
  const revocations = await fixture(t).open();
  await revocations.revoke([revokedToken("a", { tenant: "london" })]);
  t.true(revocations.has(token("a", { tenant: "london" })));
  t.false(revocations.has(token("a")));
  t.false(revocations.has(token("a", { tenant: "london", profile: "other" })));
});

test("a subject's tokens are revoked up to and in the second that is named", async (t) => {
  const revocations = await fixture(t).open();
  await revocations.revoke([revokedSubject("alice", SECOND)]);
  t.true(revocations.has(token("a", { issuedAt: SECOND - 1 })));
  t.true(revocations.has(token("a", { issuedAt: SECOND })));
  t.false(revocations.has(token("a", { issuedAt: SECOND + 1 })));
  t.false(revocations.has(token("a", { subject: "bob" })));
  t.false(revocations.has(token("a", { subject: undefined })));
});

test("a subject's token without iat is revoked whatever the second", async (t) => {
  const revocations = await fixture(t).open();
  await revocations.revoke([revokedSubject("alice", SECOND)]);
  t.true(revocations.has(token("a", { issuedAt: undefined })));
});

test("an earlier moment never takes back what a later one revoked, in the store either", async (t) => {
  const { open } = fixture(t);
  const revocations = await open();
  await revocations.revoke([revokedSubject("alice", SECOND + 10)]);
  await revocations.revoke([revokedSubject("alice", SECOND)]);
  t.true(revocations.has(token("a", { issuedAt: SECOND + 10 })));
  t.true((await open()).has(token("a", { issuedAt: SECOND + 10 })));
});

test("a later moment reaches further, in the store too", async (t) => {
  const { open } = fixture(t);
  const revocations = await open();
  await revocations.revoke([revokedSubject("alice", SECOND)]);
  await revocations.revoke([revokedSubject("alice", SECOND + 10)]);
  t.true((await open()).has(token("a", { issuedAt: SECOND + 10 })));
});

test("another replica on the same store learns of it, and so does one that starts later", async (t) => {
  const { open } = fixture(t);
  const [one, two] = [await open(), await open()];
  const heard = told(two, 2, () => one.revoke([revokedToken("a")]));
  t.deepEqual(await heard, ["current", revokedToken("a")]);
  t.true(two.has(token("a")));
  t.true((await open()).has(token("a")));
});

test("a watch tells first what stands, then that it is current, then what comes", async (t) => {
  const revocations = await fixture(t).open();
  await revocations.revoke([revokedToken("a")]);
  const items = await told(revocations, 3, () => revocations.revoke([revokedToken("b")]));
  t.deepEqual(items, [revokedToken("a"), "current", revokedToken("b")]);
});

test("an entry ends with its tokens: in memory, and in the store", async (t) => {
  const { clock, store, open } = fixture(t);
  const revocations = await open();
  await revocations.revoke([revokedToken("a", { until: NOW + 10 })]);
  clock.now = NOW + 10;
  t.false((await open()).has(token("a")));
  await revocations.revoke([revokedToken("b", { until: NOW + HOUR })]);
  const held: string[] = [];
  for await (const change of store.watch("revoked/", new AbortController().signal)) {
    if (change.type === "current") break;
    if (change.type === "put") held.push(Buffer.from(change.entry.value).toString());
  }
  t.deepEqual(held, [Buffer.from(encodeRevocation(revokedToken("b", { until: NOW + HOUR }))).toString()]);
});

test("an entry of another version is told and stops nothing", async (t) => {
  const { store, problems, open } = fixture(t);
  await store.create("revoked/token/x", Buffer.from('{"kind":"family"}'));
  const revocations = await open();
  await revocations.revoke([revokedToken("a")]);
  t.true(revocations.has(token("a")));
  t.regex(String(problems[0]), /revoked\/token\/x is no revocation that this version knows/);
});

test("a store that is lost is told, and what was known stays revoked", async (t) => {
  const { store, problems, open } = fixture(t);
  const revocations = await open();
  await revocations.revoke([revokedToken("a")]);
  store.close();
  await t.throwsAsync(revocations.revoke([revokedToken("b")]), { code: "UNAVAILABLE" });
  t.true(revocations.has(token("a")));
  t.false(revocations.has(token("b")));
  t.true(problems.length <= 1);
});
