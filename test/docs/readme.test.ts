import { readFileSync } from "node:fs";
import test, { type ExecutionContext } from "ava";
import { startNats } from "../support/nats/nats-server.ts";
import { testWithGrpcurl } from "../support/service/grpcurl.ts";
import { type Block, blocksOf, walkThrough } from "./walk-through.ts";

const readBlocks = (page: string) => blocksOf(readFileSync(new URL(`../../${page}`, import.meta.url), "utf8"));
const BLOCKS = readBlocks("README.md");

/** What `make run` does for a reader of the page, without a NATS server. */
const SERVE: Block = {
  lines: `SIGNET_NATS_URL= node src/main.ts serve > signet.log &
SIGNET=$!
until grep -qs '"event":"ready"' signet.log; do sleep 0.2; done
`,
  shown: undefined,
};
const STOP: Block = { lines: "kill $SIGNET; wait $SIGNET\n", shown: undefined };

const withLines = (text: string): Block[] => BLOCKS.filter(({ lines }) => lines.includes(text));

testWithGrpcurl("the five minutes with grpcurl show what they promise", async (t) => {
  t.timeout(300_000, "it makes some fifteen calls, one after the other");
  const [, minutes] = await walkThrough(t, [SERVE, ...withLines("ProfileService/ListProfiles"), STOP]);
  const { output = "", code } = minutes ?? {};
  t.is(code, 0);
  const verdicts = [...output.matchAll(/"valid": true|"reason": "(?:REJECTION_REASON_\w+|INVALID_REQUEST)"/g)];
  t.deepEqual(
    verdicts.map(([verdict]) => verdict),
    ['"valid": true', '"reason": "REJECTION_REASON_AUDIENCE_MISMATCH"', '"reason": "INVALID_REQUEST"'],
  );
  t.regex(output, /"name": "euler-stream"/);
  t.regex(output, /"requestSchema"/);
  t.is(output.match(/"status": "SERVING"/g)?.length, 2);
});

/** What `make run TLS=1` does for a reader of the page. */
const SERVE_TLS: Block = {
  lines: `npx signet dev certs --out data/certs
export SIGNET_GRPC_TLS_SOURCE=files SIGNET_GRPC_TLS_CERT=data/certs/server.crt SIGNET_GRPC_TLS_KEY=data/certs/server.key
export SIGNET_GRPC_TLS_CLIENT_CA=data/certs/ca.crt SIGNET_ACCESS_POLICY=data/certs/policy.yaml
export SIGNET_CALLERS_TRUST_DOMAINS=example.org
${SERVE.lines}`,
  shown: undefined,
};

testWithGrpcurl("over mTLS each caller does what the policy lets it do", async (t) => {
  t.timeout(300_000, "it starts a service and makes two calls");
  const [served, calls] = await walkThrough(t, [SERVE_TLS, ...withLines("-cacert data/certs/ca.crt"), STOP]);
  t.is(served?.code, 0);
  t.is(calls?.code, 0);
  t.regex(calls?.output ?? "", /"token": "/);
  t.regex(calls?.output ?? "", /^error: PERMISSION_DENIED/m);
});

testWithGrpcurl("a vendor's secret is imported, its token issued and verified as the page says", async (t) => {
  t.timeout(300_000, "it starts a service and makes three calls");
  const [, vendor] = await walkThrough(t, [SERVE, ...withLines("KeyService/ImportKey"), STOP]);
  t.is(vendor?.code, 0);
  t.regex(vendor?.output ?? "", /"byteLength": 32/);
  t.regex(vendor?.output ?? "", /"valid": true/);
});

testWithGrpcurl("a token is revoked as the page says", async (t) => {
  t.timeout(300_000, "it starts a service and makes four calls");
  const [, revoking] = await walkThrough(t, [SERVE, ...withLines("TokenService/RevokeTokens").slice(0, 1), STOP]);
  const { output = "", code } = revoking ?? {};
  t.is(code, 0);
  t.regex(output, /"reason": "REJECTION_REASON_REVOKED"/);
  t.regex(output, /^revoked; stored until /m);
});

const replica = (number: number, nats: string): Block => ({
  lines: `SIGNET_STATE_STORE=nats SIGNET_STATE_FIRST_START=${number === 1} SIGNET_NATS_URL=${nats} SIGNET_DATA=data/${number} \\
  SIGNET_KEK_FILE=kek SIGNET_GRPC_ADDRESS=127.0.0.1:5005${number} SIGNET_HTTP_ADDRESS=127.0.0.1:808${number} \\
  node src/main.ts serve > signet-${number}.log &
until curl -fs http://127.0.0.1:808${number}/readyz > readyz; do sleep 0.2; done
`,
  shown: undefined,
});

/** Within a second the other replicas know what one has revoked: on a busy machine, later. */
const LATER = [
  ["sleep 1\n", "sleep 5\n"],
  ["KeyService/RevokeKey\n", "KeyService/RevokeKey\nsleep 5\n"],
] as const;

function patient(t: ExecutionContext, blocks: readonly Block[]): readonly Block[] {
  return LATER.reduce((before, [text, later]) => {
    t.true(
      before.some(({ lines }) => lines.includes(text)),
      `the page has no ${text}`,
    );
    return before.map(({ lines, shown }) => ({ lines: lines.replace(text, later), shown }));
  }, blocks);
}

const MAKE_KEK: Block = {
  lines: `(umask 077; node -p 'crypto.randomBytes(32).toString("base64url")' > kek)\n`,
  shown: undefined,
};

testWithGrpcurl(
  "three replicas share keys, a rotation, a revoked token and an emergency as docs/replicas.md says",
  async (t) => {
    t.timeout(300_000, "it starts three services and makes a dozen calls");
    const nats = await startNats(t);
    const replicas = [1, 2, 3].map((number) => replica(number, nats.url));
    const shown = patient(t, readBlocks("docs/replicas.md"));
    t.is(shown.length, 4);
    const outcomes = await walkThrough(t, [
      MAKE_KEK,
      ...replicas,
      ...shown,
      { lines: "kill $(jobs -p); wait\n", shown: undefined },
    ]);
    const [shared, rotation, revoked, emergency] = outcomes.slice(4);
    t.deepEqual(
      outcomes.map(({ code }) => code),
      outcomes.map(() => 0),
    );
    t.regex(shared?.output ?? "", /"valid": true/);
    t.regex(rotation?.output ?? "", /"earliestAt"[\s\S]*"signFrom"[\s\S]*^service: EdDSA, epoch \d+$/m);
    t.regex(revoked?.output ?? "", /"reason": "REJECTION_REASON_REVOKED"/);
    t.regex(emergency?.output ?? "", /"signingKeyId"[\s\S]*"reason": "REJECTION_REASON_KEY_REVOKED"[\s\S]*"token":/);
    const kid = (name: string) => new RegExp(`"${name}": "([^"]+)"`).exec(emergency?.output ?? "")?.[1];
    t.truthy(kid("signingKeyId"));
    t.is(kid("keyId"), kid("signingKeyId"), "the standby signs on the third replica");
  },
);

test("the command lines of the page succeed", async (t) => {
  t.timeout(300_000, "it starts some eight processes, one after the other");
  const lines = withLines("npx signet token inspect").flatMap((block) => block.lines.trim().split("\n"));
  // Without a NATS server there is no stream to read.
  const commands = lines.filter((line) => !line.includes("audit tail"));
  t.true(commands.length >= 7);
  const each = commands.map((line) => ({ lines: `${line}\n`, shown: undefined }));
  const outcomes = await walkThrough(t, [SERVE, ...each, STOP]);
  t.deepEqual(
    outcomes.filter(({ code }) => code !== 0),
    [],
  );
  t.regex(outcomes[2]?.output ?? "", /^valid$/m);
});
