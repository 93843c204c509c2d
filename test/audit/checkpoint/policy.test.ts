import test from "ava";
import { parsePolicy } from "../../../src/audit/checkpoint/policy.ts";
import { createLogSigner } from "../../support/audit/log-signer.ts";

const a = createLogSigner("a");
const b = createLogSigner("b");
const A = a.key.name;

test("a policy trusts the signatures of its logs' keys, and no others", (t) => {
  const policy = parsePolicy(
    `# logs\n\n  ${a.policyLine}\tlog ${b.policyLine.slice(4, -1)} https://b.example\nquorum none\n`,
  );
  const note = a.checkpoint(["1"]);
  t.is(policy.judge(note, A), "VALID");
  t.is(policy.judge(b.checkpoint(["1"]), b.key.name), "VALID");
  t.is(policy.judge(createLogSigner("a").checkpoint(["1"]), A), "BAD_SIGNATURE", "another key of the same name");
  t.is(policy.judge(note.replace("\n1\n", "\n2\n"), A), "BAD_SIGNATURE", "another size");
  t.is(policy.judge(createLogSigner("c").checkpoint([]), "signet.example/audit/c"), "UNKNOWN_LOG");
});

test("a policy says whether a key is that of a log", (t) => {
  const policy = parsePolicy(`${a.policyLine}quorum none\n`);
  const [, key = ""] = a.policyLine.trimEnd().split(" ");
  t.true(policy.trusts(A, key));
  t.false(policy.trusts("signet.example/audit/b", key));
  t.false(policy.trusts(A, b.policyLine.trimEnd().split(" ")[1] ?? ""));
});

for (const [what, text, message] of [
  ["without a quorum", a.policyLine, /^a policy must have the line `quorum none`$/],
  [
    "with two quorums",
    `${a.policyLine}quorum none\nquorum none\n`,
    /^line 3: a policy must have one line `quorum none`, and this/,
  ],
  ["of witnesses", `${a.policyLine}witness w x\nquorum w\n`, /^line 3: must be `quorum none`/],
  ["without a log", "quorum none\n", /must name a log/],
  ["with one log twice", `${a.policyLine}${a.policyLine}quorum none\n`, /two lines have the same key/],
  ["with another keyword", `${a.policyLine}logs x\nquorum none\n`, /^line 2: must begin with one of log, witness/],
  ["with a line of a log that goes on", `${a.policyLine.trimEnd()} u v\nquorum none\n`, /^line 1: must be `log <vkey>/],
  ["with a key that is none", "log x\nquorum none\n", /^line 1: a verifier key must be NAME\+KEY_ID\+KEY/],
  ["with a control character", `${a.policyLine}quorum none\r\n`, /^line 2: must have no control characters/],
] as const)
  test(`a policy ${what} is refused, with the line`, (t) => {
    t.throws(() => parsePolicy(text), { code: "MALFORMED", message });
  });
