import { readFileSync } from "node:fs";
import test from "ava";
import { testWithGrpcurl } from "../support/service/grpcurl.ts";
import { blocksOf, isShown, walkThrough } from "./walk-through.ts";

const PAGE = readFileSync(new URL("../../docs/new-vendor.md", import.meta.url), "utf8");

test("what a page shows is compared whole, but for what it leaves out", (t) => {
  t.true(isShown("ok  parlour\n", "ok  parlour\n"));
  t.false(isShown("ok  parlour.\n", "ok  parlour\n"));
  t.false(isShown("ok  parlour\nmore\n", "ok  parlour\n"));
  t.true(isShown('{\n  "valid": true,\n  "tokenId": "x"\n}\n', '{\n  "valid": true,\n…\n'));
  t.false(isShown('{\n  "rejection": {}\n}\n', '{\n  "valid": true,\n…\n'));
  t.true(isShown("parlour  HS256  uTf2_xyz  Tickets\n", "parlour  HS256  …  Tickets\n"));
});

testWithGrpcurl("every line of the walk-through does what the page says", async (t) => {
  t.timeout(300_000, "it starts some twelve processes, one after the other");
  const outcomes = await walkThrough(t, blocksOf(PAGE));
  for (const { lines, shown, output } of outcomes)
    if (shown !== undefined) t.true(isShown(output, shown), `${lines}\n shows\n${output}\n instead of\n${shown}`);
  // The first check finds an unfinished file, the bad request is refused; all else succeeds.
  const failed = outcomes.filter(({ code }) => code !== 0).map(({ lines }) => lines.trim().split("\n").at(-1));
  t.deepEqual(failed, [
    "signet profile check my-profiles/parlour.yaml",
    "  127.0.0.1:50051 signet.v1.TokenService/IssueToken",
  ]);
});
