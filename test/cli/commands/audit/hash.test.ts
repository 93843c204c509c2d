import { status } from "@grpc/grpc-js";
import test from "ava";
import { errorInfo, fakeService, Refusal } from "../../fake-service.ts";
import { signet } from "../../terminal.ts";

const HASHES = { subjectHash: "hash-of-now", earlierHashes: ["hash-before"] };

test("audit hash prints the hash of a subject, and those of earlier KEKs below it", async (t) => {
  const service = await fakeService({ hashSubject: HASHES });
  t.teardown(service.stop);
  const { code, stdout, stderr } = await signet(["audit", "hash", "alice"], { env: service.env });
  t.deepEqual([code, stdout, stderr], [0, "hash-of-now\nhash-before\n", ""]);
  t.deepEqual(service.requests, [{ subject: "alice" }]);
  const { stdout: json } = await signet(["audit", "hash", "alice", "--json"], { env: service.env });
  t.deepEqual(JSON.parse(json), HASHES);
});

test("a caller that may not hash subjects is told so", async (t) => {
  const refusal = new Refusal(status.PERMISSION_DENIED, "no", [errorInfo("PERMISSION_DENIED")]);
  const service = await fakeService({ hashSubject: refusal });
  t.teardown(service.stop);
  const { code, stdout, stderr } = await signet(["audit", "hash", "alice"], { env: service.env });
  t.not(code, 0);
  t.is(stdout, "");
  t.regex(stderr, /PERMISSION_DENIED/);
});
