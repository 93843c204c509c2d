import { status } from "@grpc/grpc-js";
import test from "ava";
import { badRequest, errorInfo, fakeService, Refusal } from "../../fake-service.ts";
import { NOW, signet } from "../../terminal.ts";

const ANSWER = { revokedAt: new Date(NOW), until: new Date(NOW + 3_600_000) };
const EMPTY = { tenant: "", tokenIds: [], expiresAt: undefined, subject: "", issuedBefore: undefined };

test("tokens are revoked by their ids, and the output says how long the revocation is stored", async (t) => {
  const service = await fakeService({ revokeTokens: ANSWER });
  t.teardown(service.stop);
  const words = ["token", "revoke", "--profile", "hivekit", "--tenant", "acme", "--token-id", "a", "b"];
  const { code, stdout } = await signet(
    [...words, "--expires-at", "2026-11-22T13:00:00Z", "--reason", "lost laptop"],
    service,
  );
  t.is(code, 0);
  t.is(stdout, "revoked; stored until 2026-11-22T13:00:00Z (in 60m), when the last of them has expired\n");
  const asked = { tenant: "acme", tokenIds: ["a", "b"], expiresAt: new Date("2026-11-22T13:00:00Z") };
  t.deepEqual(service.requests, [{ ...EMPTY, profile: "hivekit", ...asked, reason: "lost laptop" }]);
});

test("a subject's tokens are revoked up to a moment, and --json prints the answer", async (t) => {
  const service = await fakeService({ revokeTokens: ANSWER });
  t.teardown(service.stop);
  const words = ["token", "revoke", "--profile", "service", "--subject", "alice", "--reason", "left", "--json"];
  const { stdout } = await signet([...words, "--issued-before", "2026-11-22T11:00:00Z"], service);
  t.deepEqual(JSON.parse(stdout), { revokedAt: "2026-11-22T12:00:00Z", until: "2026-11-22T13:00:00Z" });
  const asked = { subject: "alice", issuedBefore: new Date("2026-11-22T11:00:00Z"), reason: "left" };
  t.deepEqual(service.requests, [{ ...EMPTY, profile: "service", ...asked }]);
});

test("without a profile or a reason nothing is called", async (t) => {
  const service = await fakeService({ revokeTokens: ANSWER });
  t.teardown(service.stop);
  for (const words of [
    ["--token-id", "a", "--reason", "r"],
    ["--profile", "service", "--token-id", "a"],
  ]) {
    const { code, stderr } = await signet(["token", "revoke", ...words], service);
    t.is(code, 2);
    t.regex(stderr, /required option '--(profile|reason) /);
  }
  t.deepEqual(service.requests, []);
});

test("a refusal names every bad field", async (t) => {
  const details = [errorInfo("INVALID_REQUEST"), badRequest({ field: "subject", description: "is required" })];
  const service = await fakeService({ revokeTokens: new Refusal(status.INVALID_ARGUMENT, "bad", details) });
  t.teardown(service.stop);
  const { code, stderr } = await signet(["token", "revoke", "--profile", "service", "--reason", "r"], service);
  t.is(code, 2);
  t.regex(stderr, /^ {2}subject: is required$/m);
});
