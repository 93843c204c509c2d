import { cpSync, existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { type ExecutionContext } from "ava";
import { runScript, stubPath, writeStub } from "./stub-path.ts";

const GO = `
[ "$1 $2" = "install github.com/nats-io/nats-server/v2@v2.15.1" ] || { echo "no such module: $2" >&2; exit 1; }
mkdir -p "$GOBIN" && printf '#!/bin/sh\\n' > "$GOBIN/nats-server" && chmod 755 "$GOBIN/nats-server"`;
const BROKEN_GO = 'echo "no network" >&2; exit 1';
const APT = 'for last; do :; done; [ "$last" = nats-server ] && : > nats-server_2.9.10.deb';
const APT_WITHOUT_LISTS = `case "$*" in
  "download nats-server") echo "E: Unable to locate package nats-server" >&2; exit 100 ;;
  *Dir::State::Lists=*update) : > lists-are-here ;;
  *Dir::State::Lists=*download*) [ -e lists-are-here ] && : > nats-server_2.9.10.deb ;;
esac`;
const DPKG = `[ "$1" = -x ] && mkdir -p "$3/usr/sbin" && printf '#!/bin/sh\\n' > "$3/usr/sbin/nats-server"`;

async function checkout(t: ExecutionContext, stubs: Readonly<Record<string, string>>) {
  const root = mkdtempSync(join(tmpdir(), "signet tools "));
  t.teardown(() => rmSync(root, { recursive: true }));
  cpSync("scripts/tools.sh", join(root, "scripts/tools.sh"));
  const path = await stubPath(root, stubs);
  const bin = join(root, ".tools/bin");
  return { root, path, bin, tools: (...names: string[]) => runScript(join(root, "scripts/tools.sh"), names, path) };
}

test("a tool on PATH wins over one in .tools/bin", async (t) => {
  const { path, bin, tools } = await checkout(t, { "nats-server": "", go: GO });
  writeStub(bin, "nats-server", "");
  t.like(await tools("nats-server"), { code: 0, stdout: `${path}/nats-server\n`, stderr: "" });
});

test("a tool in .tools/bin is used without fetching anything", async (t) => {
  const { bin, tools } = await checkout(t, { go: BROKEN_GO });
  writeStub(bin, "nats-server", "");
  t.like(await tools("nats-server"), { code: 0, stdout: `${bin}/nats-server\n`, stderr: "" });
});

test("a tool that does not run counts as missing", async (t) => {
  const { bin, tools } = await checkout(t, { go: GO, "nats-server": "exit 126" });
  t.like(await tools("nats-server"), { code: 0, stdout: `${bin}/nats-server\n` });
});

test("Go installs the pinned version into .tools/bin and leaves nothing else there", async (t) => {
  const { root, bin, tools } = await checkout(t, { go: GO, "apt-get": APT, dpkg: DPKG });
  t.like(await tools("nats-server"), { code: 0, stdout: `${bin}/nats-server\n` });
  t.deepEqual(readdirSync(join(root, ".tools"), { recursive: true }).sort(), ["bin", "bin/nats-server"]);
  t.like(await tools("nats-server"), { code: 0, stderr: "" }, "the second time there is nothing to do");
});

test("where Go fails, Debian's package is unpacked and not installed", async (t) => {
  const { root, bin, tools } = await checkout(t, { go: BROKEN_GO, "apt-get": APT, dpkg: DPKG });
  const outcome = await tools("nats-server");
  t.like(outcome, { code: 0, stdout: `${bin}/nats-server\n` });
  t.regex(outcome.stderr, /Go could not: no network\n/);
  t.deepEqual(readdirSync(join(root, ".tools"), { recursive: true }).sort(), ["bin", "bin/nats-server"]);
});

test("where the machine has no package lists, private ones are fetched", async (t) => {
  const { bin, tools } = await checkout(t, { "apt-get": APT_WITHOUT_LISTS, dpkg: DPKG });
  t.like(await tools("nats-server"), { code: 0, stdout: `${bin}/nats-server\n` });
});

test("a tool that nothing can fetch is exit code 69 and says how to get it", async (t) => {
  const { bin, tools } = await checkout(t, { "apt-get": APT, dpkg: DPKG });
  const outcome = await tools("grpcurl", "nats-server");
  t.like(outcome, { code: 69, stdout: `${bin}/nats-server\n` }, "and the others are still fetched");
  t.regex(
    outcome.stderr,
    /grpcurl is missing: .*\n.*go install github.com\/fullstorydev\/grpcurl\/cmd\/grpcurl@v1\.9\.3\n/,
  );
});

test("an unknown tool is exit code 2 and names the allowed ones", async (t) => {
  const { root, tools } = await checkout(t, {});
  t.like(await tools("jq"), {
    code: 2,
    stdout: "",
    stderr: 'tools: unknown tool "jq"; allowed: nats-server, grpcurl\n',
  });
  t.false(existsSync(join(root, ".tools")));
});
