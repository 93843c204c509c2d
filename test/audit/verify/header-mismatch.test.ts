import test from "ava";
import { headerOf, subjectOf } from "../../../src/audit/event-header.ts";
import { headerMismatch } from "../../../src/audit/verify/header-mismatch.ts";
import { issued, TIME } from "../../support/files/spool-fixture.ts";

const header = headerOf("id-1", TIME, "writer-1", issued(1));
const body = { eventId: "id-1", time: header.time, writer: "writer-1", tokenIssued: { profile: "service" } };
const message = {
  subject: subjectOf(header),
  headers: {
    "Nats-Msg-Id": "id-1",
    "ce-id": "id-1",
    "ce-source": "signet/writer-1",
    "ce-time": header.time,
    "ce-type": "token.issued",
  },
};

test("a message that was published as it is has no mismatch", (t) => {
  t.is(headerMismatch(message, body), undefined);
});

test("an event with a trace has it in both", (t) => {
  const headers = { ...message.headers, "ce-traceparent": "00-trace" };
  t.is(headerMismatch({ ...message, headers }, { ...body, traceparent: "00-trace" }), undefined);
  t.is(
    headerMismatch(message, { ...body, traceparent: "00-trace" }),
    "its header ce-traceparent differs from its body",
  );
});

for (const name of ["Nats-Msg-Id", "ce-id", "ce-source", "ce-time", "ce-traceparent"] as const)
  test(`another ${name} than the body's is named, and its value is not`, (t) => {
    const headers = { ...message.headers, [name]: "other" };
    t.is(headerMismatch({ ...message, headers }, body), `its header ${name} differs from its body`);
  });

test("another type than the body's is named, in the header or the subject", (t) => {
  const headers = { ...message.headers, "ce-type": "token.denied" };
  t.is(headerMismatch({ ...message, headers }, body), "its header ce-type differs from its body");
  for (const subject of ["signet.audit.token.denied.service", "signet.audit.token.issued.other"])
    t.is(headerMismatch({ ...message, subject }, body), "its subject differs from its body");
});

test("of a type of a later version, the subject is compared with the header", (t) => {
  const headers = { ...message.headers, "ce-type": "token.foreseen" };
  t.is(headerMismatch({ headers, subject: "signet.audit.token.foreseen.service" }, body), undefined);
  t.is(headerMismatch({ ...message, headers }, body), "its subject differs from its header ce-type");
});
