import test, { type ExecutionContext, type Implementation } from "ava";
import { type Browser, chromium, type Page } from "playwright-core";
import { HANGS_MS } from "../support/bounded.ts";
import { findTool } from "../support/service/find-tool.ts";
import type { Ending } from "../support/service/shared.ts";
import { testUnless } from "../support/unless-missing.ts";

const binary = ["chromium", "chromium-browser", "google-chrome"].map(findTool).find((path) => path !== undefined);
const MISSING = "Chromium is not on PATH; scripts/browser.sh says how to get it";

/** A test that drives Chromium. Without it the test is skipped with a notice, and fails in CI. */
export function testWithBrowser(title: string, implementation: Implementation<[]>): void {
  testUnless(binary === undefined ? MISSING : undefined, title, implementation, { run: test.serial });
}

/** Starts Chromium without a window. It ends after the test. */
export async function startBrowser(t: Ending): Promise<Browser> {
  if (binary === undefined) throw new Error(MISSING);
  // Chromium refuses its sandbox to root. The pages of the tests are our own.
  const browser = await chromium.launch({
    executablePath: binary,
    chromiumSandbox: process.getuid?.() !== 0,
    timeout: 3 * HANGS_MS,
  });
  t.teardown(() => browser.close());
  return browser;
}

/** Opens the page of the demo. A fault of its scripts, or of its content security policy, fails the test. */
export async function openPage(
  t: ExecutionContext,
  browser: Browser,
  url: string,
  options: Parameters<Browser["newPage"]>[0] = {},
): Promise<Page> {
  const page = await browser.newPage(options);
  page.setDefaultTimeout(HANGS_MS);
  const faults: string[] = [];
  page.on("pageerror", ({ message }) => faults.push(message));
  // Answers such as 401 are logged as errors too, and are what some tests want.
  page.on("console", (message) => {
    if (message.text().includes("Content Security Policy")) faults.push(message.text());
  });
  t.teardown(async () => {
    await page.close();
    if (faults.length > 0) throw new Error(`faults of the page: ${faults.join("; ")}`);
  });
  await page.goto(url);
  await page.locator("body[data-ready]").waitFor();
  return page;
}
