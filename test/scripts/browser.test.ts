import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import test, { type ExecutionContext } from "ava";
import { runScript, stubPath } from "./stub-path.ts";

/** Puts a browser on PATH, as Debian's package does. */
const APT = `case "$*" in
  update) : > "\${0%/*}/lists-are-here" ;;
  *install*chromium*) [ -e "\${0%/*}/lists-are-here" ] && printf '#!/bin/sh\\n' > "\${0%/*}/chromium" && chmod 755 "\${0%/*}/chromium" ;;
  *) exit 1 ;;
esac`;

async function browser(t: ExecutionContext, stubs: Readonly<Record<string, string>>) {
  const root = mkdtempSync(join(tmpdir(), "signet browser "));
  t.teardown(() => rmSync(root, { recursive: true }));
  const path = await stubPath(root, stubs);
  return { path, run: (...args: string[]) => runScript(resolve("scripts/browser.sh"), args, path) };
}

test("a browser on PATH is used, and nothing is installed", async (t) => {
  const { path, run } = await browser(t, { "google-chrome": "", "apt-get": "exit 1" });
  t.like(await run("--install"), { code: 0, stdout: `${path}/google-chrome\n`, stderr: "" });
});

test("without --install nothing on the machine is changed, and standard error says how to get one", async (t) => {
  const { run } = await browser(t, { "apt-get": APT });
  const { code, stdout, stderr } = await run();
  t.is(code, 69);
  t.is(stdout, "");
  t.regex(stderr, /^Chromium is not on PATH\. .* apt-get install chromium/);
});

test("with --install Debian's package is installed, after the lists that a new machine lacks", async (t) => {
  const { path, run } = await browser(t, { "apt-get": APT });
  t.like(await run("--install"), { code: 0, stdout: `${path}/chromium\n` });
});

test("an installation that fails says why, and is 69", async (t) => {
  const { run } = await browser(t, { "apt-get": "echo 'E: no network' >&2; exit 100" });
  const { code, stderr } = await run("--install");
  t.is(code, 69);
  t.regex(stderr, /E: no network\nChromium is not on PATH/);
});
