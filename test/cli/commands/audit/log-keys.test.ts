import { status } from "@grpc/grpc-js";
import test from "ava";
import { AuditKeyState } from "../../../../src/gen/signet/v1/audit_service.ts";
import { errorInfo, fakeService, Refusal } from "../../fake-service.ts";
import { signet } from "../../terminal.ts";

const key = (writer: string, state: AuditKeyState, endedAt?: Date) => ({
  ...{ writer, origin: `h/audit/${writer}`, verifierKey: `h/audit/${writer}+01234567+AQ==`, state },
  ...{ registeredAt: new Date(0), endedAt },
});
const ACTIVE = key("a", AuditKeyState.AUDIT_KEY_STATE_ACTIVE);
const CLOSED = key("b", AuditKeyState.AUDIT_KEY_STATE_CLOSED, new Date(1000));
const NOTE = "h/audit/a\n3\ncm9vdA==\n\n— h/audit/a c2ln\n";

test("audit keys prints a policy file, in which ended writers stay", async (t) => {
  const service = await fakeService({ listAuditKeys: { keys: [ACTIVE, CLOSED] } });
  t.teardown(service.stop);
  const { code, stdout, stderr } = await signet(["audit", "keys"], { env: service.env });
  t.deepEqual([code, stderr], [0, ""]);
  t.is(
    stdout,
    `# a: active, registered 1970-01-01T00:00:00.000Z
log h/audit/a+01234567+AQ==
# b: closed, registered 1970-01-01T00:00:00.000Z, ended 1970-01-01T00:00:01.000Z
log h/audit/b+01234567+AQ==
quorum none
`,
  );
  const { stdout: json } = await signet(["audit", "keys", "--json"], { env: service.env });
  t.like(JSON.parse(json), { keys: [{ writer: "a", state: "AUDIT_KEY_STATE_ACTIVE" }, { writer: "b" }] });
});

test("audit checkpoint prints the note as it was signed, and says when NATS has not got it", async (t) => {
  for (const published of [true, false]) {
    const service = await fakeService({ checkpoint: { note: NOTE, published } });
    t.teardown(service.stop);
    const { code, stdout, stderr } = await signet(["audit", "checkpoint"], { env: service.env });
    t.deepEqual([code, stdout], [0, NOTE]);
    t.is(stderr, published ? "" : "not published yet: NATS has not acknowledged it\n");
  }
});

test("audit rotate-key prints the verifier key of the new log", async (t) => {
  const service = await fakeService({ rotateAuditKey: { closed: CLOSED, begun: ACTIVE } });
  t.teardown(service.stop);
  const { code, stdout, stderr } = await signet(["audit", "rotate-key"], { env: service.env });
  t.deepEqual([code, stdout, stderr], [0, `${ACTIVE.verifierKey}\n`, "closed the log of b\n"]);
});

test("audit retire needs a reason, and a refusal names its own", async (t) => {
  const refusal = new Refusal(status.FAILED_PRECONDITION, "it runs", [errorInfo("WRITER_NOT_LOST")]);
  const service = await fakeService({ retireWriter: refusal });
  t.teardown(service.stop);
  const without = await signet(["audit", "retire", "a"], { env: service.env });
  t.regex(without.stderr, /--reason/);
  t.deepEqual(service.requests, []);
  const refused = await signet(["audit", "retire", "a", "--reason", "lost"], { env: service.env });
  t.deepEqual(service.requests, [{ writer: "a", reason: "lost" }]);
  t.not(refused.code, 0);
  t.regex(refused.stderr, /WRITER_NOT_LOST/);
});
