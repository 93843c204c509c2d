import { cpSync, mkdirSync, mkdtempSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { type ExecutionContext } from "ava";
import { runScript, stubPath, writeStub } from "./stub-path.ts";

const node = (version: string) =>
  `[ "$1" = --version ] && echo ${version} || echo "${version} runs with $MALLOC_ARENA_MAX $*"`;

/** Runs scripts/signet.sh in a checkout with one Node in node_modules/.bin, if any, and another on PATH, if any. */
async function signet(t: ExecutionContext, { beside, onPath }: { beside?: string; onPath?: string }) {
  const root = realpathSync(mkdtempSync(join(tmpdir(), "signet bin ")));
  t.teardown(() => rmSync(root, { recursive: true }));
  mkdirSync(join(root, "scripts"));
  cpSync("scripts/signet.sh", join(root, "scripts/signet.sh"));
  if (beside !== undefined) writeStub(join(root, "node_modules/.bin"), "node", beside);
  const path = await stubPath(root, onPath === undefined ? {} : { node: onPath });
  const outcome = await runScript(join(root, "scripts/signet.sh"), ["token", "issue"], path);
  return { ...outcome, stdout: outcome.stdout.replace(`${root}/scripts/..`, "ROOT") };
}

test("the command runs on the Node that npm installed beside it, whatever Node is on PATH", async (t) => {
  t.like(await signet(t, { beside: node("v24.21.0"), onPath: node("v20.20.2") }), {
    code: 0,
    stdout: "v24.21.0 runs with 1 --disable-sigusr1 --max-semi-space-size=4 --no-maglev ROOT/src/main.ts token issue\n",
  });
});

test("where the Node beside it is absent or can't run, the command runs on the one on PATH", async (t) => {
  const stdout =
    "v26.1.0 runs with 1 --disable-sigusr1 --max-semi-space-size=4 --no-maglev ROOT/src/main.ts token issue\n";
  t.like(await signet(t, { onPath: node("v26.1.0") }), { code: 0, stdout });
  t.like(await signet(t, { beside: "exit 126", onPath: node("v26.1.0") }), { code: 0, stdout });
});

test("without a Node that can read the sources it ends with 71, and says which Node is needed", async (t) => {
  for (const nodes of [{}, { onPath: node("v20.20.2") }, { beside: node("v23.9.0"), onPath: node("v22.21.0") }]) {
    const { code, stdout, stderr } = await signet(t, nodes);
    t.is(code, 71);
    t.is(stdout, "");
    t.regex(stderr, /^error: OLD_NODE: Signet needs Node >=24\.14\.1; npm ci/);
  }
});
