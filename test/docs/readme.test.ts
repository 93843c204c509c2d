import { readFileSync } from "node:fs";
import test from "ava";
import { testWithGrpcurl } from "../support/grpcurl.ts";
import { type Block, blocksOf, walkThrough } from "./walk-through.ts";

const BLOCKS = blocksOf(readFileSync(new URL("../../README.md", import.meta.url), "utf8"));

/** What `make run` does for who follows the page, without a NATS server. */
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
  t.timeout(240_000, "it makes some fifteen calls, one after the other");
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

testWithGrpcurl("a vendor's secret is imported, its token issued and verified as the page says", async (t) => {
  t.timeout(240_000, "it starts a service and makes three calls");
  const [, vendor] = await walkThrough(t, [SERVE, ...withLines("KeyService/ImportKey"), STOP]);
  t.is(vendor?.code, 0);
  t.regex(vendor?.output ?? "", /"byteLength": 32/);
  t.regex(vendor?.output ?? "", /"valid": true/);
});

test("the command lines of the page end well", async (t) => {
  t.timeout(240_000, "it starts some eight processes, one after the other");
  const lines = withLines("npx signet token issue").flatMap((block) => block.lines.trim().split("\n"));
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
