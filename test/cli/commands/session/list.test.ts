import test from "ava";
import { ListedSession } from "../../../../src/gen/signet/v1/session.ts";
import { fakeService } from "../../fake-service.ts";
import { NOW, signet } from "../../terminal.ts";

const HOUR = 3_600_000;
const session = (number: number, more: Partial<ListedSession> = {}): ListedSession =>
  ListedSession.fromPartial({
    sessionId: number.toString(16).padStart(48, "0"),
    caller: "dns:gateway.example",
    gatewayId: "gw-1",
    profile: "euler-stream",
    keyId: "kid-1",
    openedAt: new Date(NOW - HOUR),
    deadline: new Date(NOW + 7 * HOUR),
    ...more,
  });

test("a table shows whose sessions are open, since when and until when", async (t) => {
  const sessions = [session(1), session(2, { profile: "hivekit", tenant: "acme", deadline: undefined })];
  const service = await fakeService({ listSessions: [{ sessions }] });
  t.teardown(service.stop);
  t.deepEqual(await signet(["session", "list"], { env: service.env }), {
    code: 0,
    stdout: `PROFILE       TENANT  CALLER               GATEWAY  KID    OPENED   DEADLINE  SESSION
euler-stream  -       dns:gateway.example  gw-1     kid-1  60m ago  in 7h     ${sessions[0]?.sessionId}
hivekit       acme    dns:gateway.example  gw-1     kid-1  60m ago  -         ${sessions[1]?.sessionId}
`,
    stderr: "",
  });
  t.like(service.requests[0], { profile: "", tenant: "", gatewayId: "", tokenId: "", pageSize: 100, pageToken: "" });
});

test("each option narrows the request, and --json prints what is absolute", async (t) => {
  const service = await fakeService({ listSessions: [{ sessions: [session(1)] }] });
  t.teardown(service.stop);
  const asked = ["--profile", "euler-stream", "--tenant", "t", "--gateway", "gw-1", "--token-id", "id"];
  const { code, stdout } = await signet(["session", "list", ...asked, "--json"], { env: service.env });
  t.is(code, 0);
  t.like(service.requests[0], { profile: "euler-stream", tenant: "t", gatewayId: "gw-1", tokenId: "id" });
  t.like(JSON.parse(stdout).sessions[0], { openedAt: "2026-11-22T11:00:00Z", deadline: "2026-11-22T19:00:00Z" });
});

test("pages are read until the limit, and it is said that there are more", async (t) => {
  const page = (from: number, count: number, nextPageToken: string) => ({
    sessions: Array.from({ length: count }, (_, index) => session(from + index)),
    nextPageToken,
  });
  const service = await fakeService({ listSessions: [page(1, 1_000, "a"), page(1_001, 200, "b")] });
  t.teardown(service.stop);
  const { stdout, stderr } = await signet(["session", "list", "--limit", "1200"], { env: service.env });
  t.is(stdout.trim().split("\n").length, 1_201);
  t.is(stderr, "there are more: see --limit, or --page-token b\n");
  t.like(service.requests[0], { pageSize: 1_000, pageToken: "" });
  t.like(service.requests[1], { pageSize: 200, pageToken: "a" });
});

test("--page-token goes on where an earlier answer ended", async (t) => {
  const service = await fakeService({ listSessions: [{ sessions: [session(2)] }] });
  t.teardown(service.stop);
  const { code, stderr } = await signet(["session", "list", "--page-token", "b"], { env: service.env });
  t.deepEqual([code, stderr], [0, ""]);
  t.like(service.requests[0], { pageToken: "b" });
});
