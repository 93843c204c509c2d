import { KeyState } from "../../src/gen/signet/v1/keys.ts";
import { RejectionReason } from "../../src/gen/signet/v1/token.ts";
import { grpcurl, testWithGrpcurl } from "../support/service/grpcurl.ts";
import { fakeService } from "./fake-service.ts";
import { NOW, signet } from "./terminal.ts";

const time = (ms: number) => new Date(NOW + ms);
const CLAIMS = { sub: "alice", n: 1.5, deep: { list: [true, null, "2026-01-01T00:00:00.000Z"] } };
const ISSUED = { token: "t", tokenId: "i", keyId: "k", profile: "service", issuedAt: time(0), expiresAt: time(1_250) };
const VALID = { valid: true, claims: CLAIMS, subject: "alice", keyringGeneration: 9_007_199_254_740_993n };
const INVALID = { rejection: { reason: RejectionReason.REJECTION_REASON_EXPIRED, message: "exp is over" } };
const KEY = { keyset: "service", keyId: "k", algorithm: "EdDSA", state: KeyState.KEY_STATE_ACTIVE, epoch: 3n };
const TIMES = { publishAt: time(-1), signFrom: time(0), signUntil: time(60_000), verifyUntil: undefined };

for (const [what, answers, words, file, method, request] of [
  [
    "an issued token",
    { issueToken: { ...ISSUED, claims: CLAIMS } },
    ["token", "issue", "service"],
    "token",
    "TokenService/IssueToken",
    { profile: "service" },
  ],
  [
    "a valid token",
    { verifyToken: VALID },
    ["token", "verify", "service", "t"],
    "token",
    "TokenService/VerifyToken",
    { profile: "service", token: "t" },
  ],
  [
    "an invalid token",
    { verifyToken: INVALID },
    ["token", "verify", "service", "t"],
    "token",
    "TokenService/VerifyToken",
    { profile: "service", token: "t" },
  ],
  ["keys", { listKeys: { keys: [{ ...KEY, ...TIMES }] } }, ["keys", "list"], "keys", "KeyService/ListKeys", {}],
] as const) {
  testWithGrpcurl(`--json of ${what} is what grpcurl prints`, async (t) => {
    const service = await fakeService(structuredClone(answers) as Parameters<typeof fakeService>[0]);
    t.teardown(service.stop);
    const proto = ["-import-path", "proto", "-proto", `signet/v1/${file}.proto`];
    const call = [...proto, "-d", JSON.stringify(request), service.address, `signet.v1.${method}`];
    const theirs = await grpcurl(...call);
    const ours = await signet([...words, "--json"], { env: service.env });
    t.deepEqual(JSON.parse(ours.stdout), JSON.parse(theirs.stdout));
    t.deepEqual(service.requests[1], service.requests[0], "both asked the same");
  });
}
