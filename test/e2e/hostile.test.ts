import { type ServiceError, status } from "@grpc/grpc-js";
import test, { type ExecutionContext } from "ava";
import type { Surroundings } from "../../src/app/run.ts";
import {
  ImportKeyRequest,
  ListKeysRequest,
  PlanRotationRequest,
  RevokeKeyRequest,
  RotateKeysRequest,
  SecretEncoding,
} from "../../src/gen/signet/v1/keys.ts";
import { GetProfileRequest } from "../../src/gen/signet/v1/profiles.ts";
import {
  CloseSessionsRequest,
  ListSessionsRequest,
  OpenSessionRequest,
  RenewSessionsRequest,
} from "../../src/gen/signet/v1/session.ts";
import {
  BatchIssueTokensRequest,
  BatchVerifyTokensRequest,
  IssueTokenRequest,
  RevokeTokensRequest,
  rejectionReasonToJSON,
  VerifyTokenRequest,
  VerifyTokenResponse,
} from "../../src/gen/signet/v1/token.ts";
import { boundByRounds, rounds } from "../support/rounds.ts";
import { seededRandom } from "../support/seeded-random.ts";
import { rawClient } from "../support/service/raw-client.ts";
import { issue, onceRead, type Service, startService, verify } from "../support/service/service.ts";
import { tlsFiles } from "../support/tls/tls-files.ts";
import { certified, clientsWith, grpcTlsEnv } from "../support/tls/tls-service.ts";
import { mutateToken, randomBytes } from "../support/tokens/mutate-token.ts";

/** `make soak` makes ten times as many. */
const REQUESTS = 2_000;
const IN_FLIGHT = 64;

type Random = (from: number, to: number) => number;

/** A service, and a client that sends any bytes to a method of it. */
interface Target {
  readonly service: Pick<Service, "tokens">;
  readonly send: ReturnType<typeof rawClient>;
}

/** One way to reach a service, which it starts. */
type Transport = (t: ExecutionContext, surroundings?: Partial<Surroundings>) => Promise<Target>;

const plaintext: Transport = async (t, surroundings = {}) => {
  const service = await startService(t, { surroundings });
  return { service, send: rawClient(t, service.app.addresses.grpc) };
};

/** Every reason that text alone, without a key of the service, can bring about. */
const REACHABLE = [
  "TOO_LARGE",
  "MALFORMED",
  "HEADER_INVALID",
  "UNKNOWN_KEY",
  "ALGORITHM_NOT_ALLOWED",
  "TYPE_MISMATCH",
  "BAD_SIGNATURE",
];
/** The codes of a request that is wrong, as opposed to a service that is. */
const REFUSALS = ["INVALID_ARGUMENT", "NOT_FOUND", "ALREADY_EXISTS", "FAILED_PRECONDITION", "RESOURCE_EXHAUSTED"];

/** With a certificate of a caller that may do everything. */
const mutualTls: Transport = async (t, surroundings = {}) => {
  const files = await tlsFiles(t);
  const { app } = await startService(t, { env: await grpcTlsEnv(t, files), surroundings });
  const channel = await certified(files);
  const { grpc } = app.addresses;
  return { service: clientsWith(t, grpc, channel), send: rawClient(t, grpc, channel) };
};

for (const [name, start, tokens] of [
  ["plaintext", plaintext, 2_000],
  // In `make soak` 10⁵, and some that no mutation has changed.
  ["mTLS", mutualTls, 10_240],
] as const) {
  test.serial(`over ${name}, no mutated token is accepted, and none causes an error of the call`, async (t) => {
    boundByRounds(t);
    const { service } = await start(t);
    const { accepted, reasons } = await showTokens(service, mutateToken, seededRandom(t), rounds(tokens));
    t.deepEqual(accepted, []);
    t.log(Object.fromEntries(reasons));
    t.deepEqual(
      [...reasons.keys()].filter((reason) => !REACHABLE.includes(reason)),
      [],
    );
    t.true(reasons.size >= 5, "the mutations reach all of the first checks");
    await requireHealthy(t, service);
  });

  test.serial(`over ${name}, no mutated request is INTERNAL, and none has a mutated token accepted`, async (t) => {
    boundByRounds(t);
    const target = await start(t);
    const { accepted, codes } = await sendRequests(target, mutateBytes, seededRandom(t), rounds(REQUESTS));
    t.deepEqual(accepted, []);
    t.log(Object.fromEntries(codes));
    t.deepEqual(
      [...codes.keys()].filter((code) => code !== "OK" && !REFUSALS.includes(code)),
      [],
    );
    for (const code of ["OK", "INVALID_ARGUMENT", "NOT_FOUND"]) t.true((codes.get(code) ?? 0) > REQUESTS / 100, code);
    await requireHealthy(t, target.service);
  });
}

test("negative control: a token that the service signed, shown as a mutation, is found to be accepted", async (t) => {
  const target = await plaintext(t);
  const { token } = await issue(target.service);
  const request = Buffer.from(VerifyTokenRequest.encode(verifyRequest(token)).finish());
  const [shown, sent] = [
    await showTokens(target.service, () => token, seededRandom(t), IN_FLIGHT),
    await sendRequests(target, () => request, seededRandom(t), 10 * IN_FLIGHT),
  ];
  t.deepEqual([shown.accepted.length, new Set(sent.accepted).size], [IN_FLIGHT, 1]);
});

test("negative control: a request at which the service fails is found", async (t) => {
  let events = 0;
  const target = await plaintext(t, {
    wrapAudit: (audit) => ({
      append: async (event, time) => {
        // Those of a start are many, and without them it would not serve.
        if (event.type.startsWith("token.")) events += 1;
        // A failure that no part of the service knows.
        if (events > 4) throw new Error("the disk is on fire");
        await audit.append(event, time);
      },
    }),
  });
  const { codes } = await sendRequests(target, mutateBytes, seededRandom(t), 1_000);
  t.true((codes.get("INTERNAL") ?? 0) > 0);
});

/** Shows the service mutations of three tokens. Resolves with those that it accepts, and how often it gave which reason. */
async function showTokens(
  service: Target["service"],
  mutate: (token: string, random: Random) => string,
  random: Random,
  count: number,
) {
  const requests = [{}, { claims: { scope: "a b", deep: { list: [1, "x"] } } }, { audience: ["api", "other"] }];
  const originals = await Promise.all(requests.map(async (request) => (await issue(service, request)).token));
  const accepted: string[] = [];
  const reasons = new Map<string, number>();
  for (let shown = 0; shown < count; shown += IN_FLIGHT) {
    const tokens = Array.from({ length: IN_FLIGHT }, () => mutate(pick(originals, random), random));
    const changed = tokens.filter((token) => token !== "" && !originals.includes(token));
    const answers = await Promise.all(changed.map((token) => verify(service, token)));
    for (const [at, { valid, rejection, claims, subject }] of answers.entries()) {
      if (valid || claims !== undefined || subject !== "") accepted.push(changed[at] ?? "");
      add(reasons, rejectionReasonToJSON(rejection?.reason ?? 0).replace("REJECTION_REASON_", ""));
    }
  }
  return { accepted, reasons };
}

/**
 * Sends the service mutations of a good request to each method. Resolves with the tokens that it accepts although it
 * did not issue them to the test, and how often it answered with which code.
 */
async function sendRequests(
  { service, send }: Target,
  mutate: (bytes: Buffer, random: Random) => Buffer,
  random: Random,
  count: number,
) {
  const { token } = await issue(service);
  const originals = requestsWith(token);
  const accepted: string[] = [];
  const codes = new Map<string, number>();
  for (let sent = 0; sent < count; sent += IN_FLIGHT)
    await Promise.all(
      Array.from({ length: IN_FLIGHT }, async () => {
        const [method, original] = pick(originals, random);
        const bytes = mutate(original, random);
        const { code, answer } = await outcomeOf(onceRead(() => send(`signet.v1.${method}`, bytes)));
        add(codes, code);
        if (method !== VERIFY || answer === undefined || !VerifyTokenResponse.decode(answer).valid) return;
        const { credential } = VerifyTokenRequest.decode(bytes);
        if (credential?.value !== token) accepted.push(String(credential?.value));
      }),
    );
  return { accepted, codes };
}

async function outcomeOf(call: Promise<Buffer>): Promise<{ code: string; answer?: Buffer }> {
  try {
    return { code: "OK", answer: await call };
  } catch (error) {
    return { code: status[(error as ServiceError).code] ?? String(error) };
  }
}

const VERIFY = "TokenService/VerifyToken";

const verifyRequest = (token: string) =>
  VerifyTokenRequest.fromPartial({ profile: "service", audience: "api", credential: { $case: "token", value: token } });

const SESSION_ID = "5e".repeat(24);

/** A good request for each method that answers once, unless it takes none. */
function requestsWith(token: string): (readonly [method: string, bytes: Buffer])[] {
  const issuing = IssueTokenRequest.fromPartial({
    ...{ profile: "service", subject: "alice", audience: ["api"], ttl: { seconds: 60n, nanos: 0 }, requestId: "r-1" },
    claims: { scope: "a b", deep: { list: [1, "x", null, true] } },
  });
  const verifying = verifyRequest(token);
  const imported = { profile: "hivekit", tenant: "acme", keyId: "k1", encoding: SecretEncoding.SECRET_ENCODING_BASE64 };
  const secret = "c2VjcmV0IG9mIHRoaXJ0eS10d28gYnl0ZXMgb3Igc28=";
  return (
    [
      ["TokenService/IssueToken", IssueTokenRequest.encode(issuing)],
      ["TokenService/BatchIssueTokens", BatchIssueTokensRequest.encode({ items: [issuing, issuing] })],
      [VERIFY, VerifyTokenRequest.encode(verifying)],
      ["TokenService/BatchVerifyTokens", BatchVerifyTokensRequest.encode({ items: [verifying, verifying] })],
      [
        "TokenService/RevokeTokens",
        RevokeTokensRequest.encode(
          RevokeTokensRequest.fromPartial({ profile: "service", tokenIds: ["t-1"], reason: "r" }),
        ),
      ],
      ["KeyService/ListKeys", ListKeysRequest.encode({ keyset: "service" })],
      ["KeyService/ImportKey", ImportKeyRequest.encode(ImportKeyRequest.fromPartial({ ...imported, secret }))],
      ["KeyService/PlanRotation", PlanRotationRequest.encode({ keyset: "service" })],
      [
        "KeyService/RotateKeys",
        RotateKeysRequest.encode(RotateKeysRequest.fromPartial({ keyset: "service", at: new Date(8.64e15) })),
      ],
      ["KeyService/RevokeKey", RevokeKeyRequest.encode({ profile: "", tenant: "", keyId: "no-key", reason: "r" })],
      ["ProfileService/GetProfile", GetProfileRequest.encode({ profile: "service" })],
      [
        "SessionService/OpenSession",
        OpenSessionRequest.encode(
          OpenSessionRequest.fromPartial({ verification: verifying, gatewayId: "g-1", connectionId: "c-1" }),
        ),
      ],
      [
        "SessionService/RenewSessions",
        RenewSessionsRequest.encode(
          RenewSessionsRequest.fromPartial({
            ...{ gatewayId: "g-1", leaseId: "l-1", sessionCount: 1, digest: Buffer.alloc(16) },
            closedSessionIds: [SESSION_ID],
            page: { last: true, sessions: [{ sessionId: SESSION_ID, resume: Buffer.alloc(150) }], renewalId: "1" },
          }),
        ),
      ],
      ["SessionService/CloseSessions", CloseSessionsRequest.encode({ gatewayId: "g-1", sessionIds: [SESSION_ID] })],
      [
        "SessionService/ListSessions",
        ListSessionsRequest.encode(
          ListSessionsRequest.fromPartial({ profile: "euler-stream", pageSize: 10, pageToken: SESSION_ID }),
        ),
      ],
    ] as const
  ).map(([method, writer]) => [method, Buffer.from(writer.finish())] as const);
}

/** Mostly one change of the bytes: in a tag, a length or a text, as it comes. */
function mutateBytes(bytes: Buffer, random: Random): Buffer {
  let mutated = bytes;
  for (let change = Math.max(0, random(-4, 3)); change >= 0; change -= 1) {
    const [at, length] = [random(0, mutated.length + 1), random(0, 12)];
    const [before, after] = [mutated.subarray(0, at), mutated.subarray(at)];
    mutated = Buffer.concat(
      pick<() => Uint8Array[]>(
        [
          () => [before, Buffer.from([random(0, 256)]), after.subarray(1)],
          () => [before, Buffer.from([(after[0] ?? 0) ^ (1 << random(0, 8))]), after.subarray(1)],
          () => [before, randomBytes(length, random), after],
          () => [before, after.subarray(length)],
          () => [before],
          () => [after],
          () => [before, mutated.subarray(random(0, at + 1), at), after],
          () => [after, before],
        ],
        random,
      )(),
    );
  }
  return mutated;
}

function pick<Item>(items: readonly Item[], random: Random): Item {
  return items[random(0, items.length)] as Item;
}

function add(counts: Map<string, number>, name: string): void {
  counts.set(name, (counts.get(name) ?? 0) + 1);
}

async function requireHealthy(t: ExecutionContext, service: Target["service"]): Promise<void> {
  const { token } = await issue(service);
  t.true((await verify(service, token)).valid, "the service answers as before");
}
