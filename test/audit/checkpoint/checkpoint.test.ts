import test from "ava";
import { checkpointText, parseCheckpoint } from "../../../src/audit/checkpoint/checkpoint.ts";
import { EMPTY_ROOT } from "../../../src/audit/tree/hash.ts";

const ROOT = EMPTY_ROOT.toString("base64");

test("a checkpoint is its origin, size and root, a line each, and is read as it was written", (t) => {
  const checkpoint = { origin: "tokens.example/audit/w1", size: 123456789012, root: EMPTY_ROOT };
  t.is(checkpointText(checkpoint), `tokens.example/audit/w1\n123456789012\n${ROOT}\n`);
  t.deepEqual(parseCheckpoint(checkpointText(checkpoint)), checkpoint);
});

test("extension lines of others are ignored", (t) => {
  t.is(parseCheckpoint(`log.example\n5\n${ROOT}\nextension\n`).size, 5);
});

test("a text that is no checkpoint is MALFORMED", (t) => {
  for (const text of [
    "",
    `\n1\n${ROOT}\n`,
    `o\n01\n${ROOT}\n`,
    `o\n-1\n${ROOT}\n`,
    `o\n9007199254740992\n${ROOT}\n`,
    `o\n1\n${ROOT.slice(1)}\n`,
    "o\n1\n",
  ])
    t.throws(() => parseCheckpoint(text), { code: "MALFORMED" }, JSON.stringify(text));
});
