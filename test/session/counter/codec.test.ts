import test, { type ExecutionContext } from "ava";
import { MOST_SESSIONS } from "../../../src/profile/model/sessions.ts";
import { decodeCounter, encodeCounter } from "../../../src/session/counter/codec.ts";
import type { CounterRecord, SessionRow } from "../../../src/session/counter/record.ts";
import { seededRandom } from "../../support/seeded-random.ts";

const MAX_VALUE_BYTES = 512 * 1024;

/** As another replica reads it: this one remembers what it has written. */
const readElsewhere = (record: CounterRecord) => decodeCounter(Uint8Array.from(encodeCounter(record)));

/** `gateways`: how many different ones. Of one token or subject, as the counter counts. */
function counter(t: ExecutionContext, by: string, count: number, gateways: number, kids = 16): CounterRecord {
  const random = seededRandom(t);
  const digits = (bytes: number) => Array.from({ length: bytes * 2 }, () => random(0, 16).toString(16)).join("");
  const owners = Array.from({ length: gateways }, () => ({ gateway: digits(8), lease: digits(8) }));
  const common = { token: digits(8), issuedAt: random(0, 2 ** 32 - 1), subject: digits(8) };
  const sessions = Array.from({ length: count }, (_, at): SessionRow => {
    const own = { token: digits(8), issuedAt: at % 7 === 0 ? undefined : random(0, 2 ** 32 - 1), subject: digits(8) };
    const bySubject = { ...own, subject: common.subject };
    return {
      ...{ connection: digits(8), ...(owners[at % gateways] as (typeof owners)[0]), openedAt: random(0, 2 ** 32) },
      ...{ kid: `${at % kids}`.padStart(255, "k"), ...(by === "token" ? common : by === "subject" ? bySubject : own) },
      shared: at % 3 === 0,
    };
  });
  return { profile: "p".repeat(64), tenant: "t".repeat(255), by, sessions };
}

const BYS = ["token", "subject", '["a","b"]'];

for (const by of BYS) {
  test(`what was written by ${by} is read`, (t) => {
    for (const count of [0, 1, 2, 300]) {
      const record = counter(t, by, count, 7);
      t.deepEqual(readElsewhere(record), record);
    }
  });

  test(`10 000 sessions of as many gateways by ${by} fit into one entry`, (t) => {
    const record = counter(t, by, MOST_SESSIONS, MOST_SESSIONS);
    const bytes = encodeCounter(record);
    t.true(bytes.length <= MAX_VALUE_BYTES, `${bytes.length} bytes`);
    t.deepEqual(readElsewhere(record), record);
  });
}

test("a session by token takes at most 32 bytes, even if each has a gateway of its own", (t) => {
  const sizeOf = (count: number) => encodeCounter(counter(t, "token", count, count, 1)).length;
  t.true((sizeOf(2_000) - sizeOf(1_000)) / 1_000 <= 32);
});

test("sessions of more keys than one byte counts, or than 64 KiB name, are read, and only those are of version 2", (t) => {
  const shortened = ({ sessions, ...common }: CounterRecord): CounterRecord => ({
    ...common,
    sessions: sessions.map((row) => ({ ...row, kid: row.kid.replace(/^k+/, "") })),
  });
  for (const [kids, short, long] of [
    [250, 1, 1],
    [256, 1, 2],
    [257, 2, 2],
    [300, 2, 2],
  ] as const) {
    const record = counter(t, "subject", 300, 7, kids);
    for (const [each, version] of [
      [shortened(record), short],
      [record, long],
    ] as const) {
      t.is(encodeCounter(each)[0], version, `${kids} keys`);
      t.deepEqual(readElsewhere(each), each);
    }
  }
});

test("a token without a subject or an iat has none when it is read", (t) => {
  const record = counter(t, '["a"]', 1, 1);
  const [row] = record.sessions;
  const bare = { ...record, sessions: row === undefined ? [] : [{ ...row, subject: "", issuedAt: undefined }] };
  t.deepEqual(readElsewhere(bare), bare);
});

test("bytes that are cut, lengthened or of another version are not read", (t) => {
  const bytes = encodeCounter(counter(t, "token", 3, 2, 1));
  for (const at of bytes.keys()) t.is(decodeCounter(bytes.subarray(0, at)), undefined);
  t.is(decodeCounter(Buffer.concat([bytes, Buffer.alloc(1)])), undefined);
  for (const version of [0, 2, 3])
    t.is(decodeCounter(Buffer.concat([Buffer.from([version]), bytes.subarray(1)])), undefined);
});
