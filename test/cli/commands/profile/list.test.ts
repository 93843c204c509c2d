import { status } from "@grpc/grpc-js";
import test from "ava";
import { fakeService, Refusal } from "../../fake-service.ts";
import { signet } from "../../terminal.ts";

const PROFILES = [
  { name: "lobby", description: "Players of a game", algorithm: "HS256", digest: "abcdefghijkl" },
  { name: "service", description: "Access \u001btokens", algorithm: "EdDSA", digest: "0123456789ab" },
];

test("the profiles are shown in a table, and their texts cannot control the terminal", async (t) => {
  const service = await fakeService({ listProfiles: { profiles: PROFILES } });
  t.teardown(service.stop);
  t.deepEqual(await signet(["profile", "list"], { env: service.env }), {
    code: 0,
    stdout: `PROFILE  ALG    DIGEST    DESCRIPTION
lobby    HS256  abcdefgh  Players of a game
service  EdDSA  01234567  Access \\u{1b}tokens
`,
    stderr: "",
  });
});

test("--json answers them as they came", async (t) => {
  const service = await fakeService({ listProfiles: { profiles: PROFILES } });
  t.teardown(service.stop);
  const { code, stdout } = await signet(["profile", "list", "--json"], { env: service.env });
  t.is(code, 0);
  t.deepEqual(JSON.parse(stdout), { profiles: PROFILES });
});

test("what the service refuses ends with 2 and its code", async (t) => {
  const service = await fakeService({ listProfiles: new Refusal(status.PERMISSION_DENIED, "not allowed") });
  t.teardown(service.stop);
  const { code, stderr } = await signet(["profile", "list"], { env: service.env });
  t.is(code, 2);
  t.is(stderr, "error: PERMISSION_DENIED: not allowed\n");
});
