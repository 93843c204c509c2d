import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import test, { type ExecutionContext } from "ava";
import { runScript, stubPath } from "./stub-path.ts";

/** Puts the commands of Debian's packages zsh and iproute2 on PATH, once the lists of packages are there. */
const APT = `case "$*" in
  update) : > "\${0%/*}/lists-are-here" ;;
  "install --yes --no-install-recommends zsh iproute2") [ -e "\${0%/*}/lists-are-here" ] || exit 100
    for name in zsh ip; do printf '#!/bin/sh\\n' > "\${0%/*}/$name" && chmod 755 "\${0%/*}/$name"; done ;;
  *) exit 1 ;;
esac`;

async function commands(t: ExecutionContext, stubs: Readonly<Record<string, string>>) {
  const root = mkdtempSync(join(tmpdir(), "signet commands "));
  t.teardown(() => rmSync(root, { recursive: true }));
  const path = await stubPath(root, stubs);
  return (...args: string[]) => runScript(resolve("scripts/commands.sh"), args, path);
}

test("commands that are there are no reason to install anything", async (t) => {
  const run = await commands(t, { zsh: "", ip: "", "apt-get": "exit 1" });
  t.deepEqual(await run("--install", "zsh", "ip"), { code: 0, stdout: "", stderr: "" });
});

test("without --install nothing on the machine is changed, and standard error names what is missing", async (t) => {
  const run = await commands(t, { zsh: "", "apt-get": APT });
  const stderr = "Not on PATH: ip script. To get them: apt-get (Debian, Ubuntu) install iproute2 bsdutils\n";
  t.deepEqual(await run("zsh", "ip", "script"), { code: 69, stdout: "", stderr });
});

test("with --install the packages of those that are missing are installed", async (t) => {
  const run = await commands(t, { fish: "", "apt-get": APT });
  t.like(await run("--install", "zsh", "fish", "ip"), { code: 0, stdout: "" });
});

test("an installation that fails says why, and is 69", async (t) => {
  const run = await commands(t, { "apt-get": "echo 'E: no network' >&2; exit 100" });
  const { code, stderr } = await run("--install", "ip");
  t.is(code, 69);
  t.regex(stderr, /E: no network\nNot on PATH: ip\./);
});
