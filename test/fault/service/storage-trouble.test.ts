import { rm, stat, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import test, { type ExecutionContext } from "ava";
import { AuditError } from "../../../src/audit/event.ts";
import { ISSUING } from "../../../src/grpc/standard/health.ts";
import { fillDisk, smallDisk, testWithSmallDisk } from "../../support/files/small-disk.ts";
import { bodiesOf, makeSpool } from "../../support/files/spool-fixture.ts";
import { get } from "../../support/service/get.ts";
import { healthClient } from "../../support/service/health.ts";
import { issue, type Service, startService, verify } from "../../support/service/service.ts";
import { waitUntil } from "../../support/wait-until.ts";

const TROUBLED = new URL("../../audit-thread/troubled-audit.ts", import.meta.url);
const UNAVAILABLE = 14;
const WORKERS = 8;

const readiness = async (url: string) => {
  const response = await get(`${url}/readyz`);
  return { status: response.status, text: await response.text() };
};

/**
 * Issues tokens until a call of every worker fails. Returns the tokens, and for each failure its code and what `/readyz`
 * said to a question that was asked after it.
 */
async function issueUntilRefused(service: Service) {
  const tokens: string[] = [];
  const failures: { readonly code: number; readonly ready: number }[] = [];
  const work = async () => {
    for (;;) tokens.push((await issue(service)).token);
  };
  const workers = Array.from({ length: WORKERS }, () =>
    work().catch(async ({ code }) => failures.push({ code, ready: (await readiness(service.url)).status })),
  );
  await Promise.all(workers);
  return { tokens, failures };
}

const refusedWhile = (ready: number) => Array.from({ length: WORKERS }, () => ({ code: UNAVAILABLE, ready }));

/** Waits, without a call, until the service says that it can issue again. */
async function recovers(t: ExecutionContext, service: Service, statuses: readonly string[]): Promise<void> {
  await waitUntil("issuing is served again", () => statuses.at(-1) === "SERVING");
  t.is((await readiness(service.url)).status, 200);
  t.is((await verify(service, (await issue(service)).token)).rejection, undefined);
}

testWithSmallDisk(
  "a full disk: no call fails while the service says that it can issue, and room alone brings it back",
  async (t) => {
    const disk = await smallDisk(t, 8 << 20);
    const service = await startService(t, { data: join(disk, "data") });
    const statuses = await healthClient(t, service.app.addresses.grpc).watch(ISSUING);
    const { token } = await issue(service);
    const refused = issueUntilRefused(service);
    const filler = await fillDisk(disk);
    const { tokens, failures } = await refused;
    t.deepEqual(failures, refusedWhile(503));
    t.regex((await readiness(service.url)).text, /^waits for storage for the audit log: \S+.*(?:free|ENOSPC)/);
    t.is((await verify(service, token)).rejection, undefined, "verifying goes on");
    await waitUntil("issuing is not served", () => statuses.length > 1);
    t.deepEqual(statuses, ["SERVING", "NOT_SERVING"]);
    await rm(filler);
    await recovers(t, service, statuses);
    t.deepEqual(statuses, ["SERVING", "NOT_SERVING", "SERVING"]);
    await service.app.stop("SIGTERM");
    const stored = (await bodiesOf(await makeSpool(t, { folder: join(service.data, "spool") }))).filter((body) =>
      body.includes('"tokenIssued"'),
    );
    t.is(stored.length, tokens.length + 2, "every token that was answered, and no other");
  },
);

testWithSmallDisk("a start on a disk with little room left does not say for a moment that it can issue", async (t) => {
  const disk = await smallDisk(t, 6 << 20);
  const data = join(disk, "data");
  const { token } = await startService(t, { data }).then(async (first) => {
    const answer = await issue(first);
    await first.app.stop("SIGTERM");
    return answer;
  });
  const filler = await fillDisk(disk);
  // Room for a start, which writes zeros ahead, and too little to go on.
  await truncate(filler, (await stat(filler)).size - 900 * 1024);
  const service = await startService(t, { data });
  const { status, text } = await readiness(service.url);
  t.is(status, 503);
  t.regex(text, /less than 1048576 bytes free/);
  t.is((await verify(service, token)).rejection, undefined, "verifying goes on");
});

test("a write that fails is known before its caller learns of it, and a probe alone ends it", async (t) => {
  const service = await startService(t, { surroundings: { auditThread: TROUBLED } });
  const statuses = await healthClient(t, service.app.addresses.grpc).watch(ISSUING);
  const refused = issueUntilRefused(service);
  const full = join(service.data, "spool", "full");
  await writeFile(full, "");
  const { failures } = await refused;
  t.deepEqual(failures, refusedWhile(503));
  t.regex((await readiness(service.url)).text, /can't be written \(ENOSPC: no space left on device, write\)\n$/);
  await rm(full);
  await recovers(t, service, statuses);
  t.deepEqual(statuses, ["SERVING", "NOT_SERVING", "SERVING"]);
});

test("a health that does not follow the appends is caught by these tests", async (t) => {
  let fails = false;
  const service = await startService(t, {
    surroundings: {
      wrapAudit: (audit) => ({
        append: async (event, time) => {
          if (fails) throw new AuditError("UNAVAILABLE", "behind the back of the pipeline");
          await audit.append(event, time);
        },
      }),
    },
  });
  const refused = issueUntilRefused(service);
  fails = true;
  t.deepEqual((await refused).failures, refusedWhile(200));
  fails = false;
});

test("storage that hangs stops issuing without any call, keeps verifying, and is used again when it answers", async (t) => {
  const service = await startService(t, { surroundings: { auditThread: TROUBLED } });
  const statuses = await healthClient(t, service.app.addresses.grpc).watch(ISSUING);
  const { token } = await issue(service);
  const hang = join(service.data, "spool", "hang");
  await writeFile(hang, "");
  const waiting = issue(service);
  await waitUntil("issuing is not served", () => statuses.at(-1) === "NOT_SERVING");
  t.is((await readiness(service.url)).text, "waits for storage for the audit log: it does not answer\n");
  await t.throwsAsync(issue(service), { code: UNAVAILABLE });
  t.is((await verify(service, token)).rejection, undefined);
  await rm(hang);
  t.is((await verify(service, (await waiting).token)).rejection, undefined, "the call that waited is answered");
  await recovers(t, service, statuses);
});
