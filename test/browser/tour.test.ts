import { join } from "node:path";
import test from "ava";
import type { Page } from "playwright-core";
import { startVendors } from "../support/gateway-client.ts";
import { startNats, testWithNats } from "../support/nats/nats-server.ts";
import { findTool } from "../support/service/find-tool.ts";
import { shared } from "../support/service/shared.ts";
import { openPage, startBrowser, testWithBrowser } from "./browser.ts";
import { becomeTrusted, cardOf } from "./card.ts";

/** SCREENSHOTS=1 writes the pictures of docs/demo.md. */
const FOLDER = process.env.SCREENSHOTS ? join(import.meta.dirname, "..", "..", "docs", "images") : undefined;

const LOOKS = [
  { name: "demo-light", colorScheme: "light", viewport: { width: 1280, height: 860 } },
  { name: "demo-dark", colorScheme: "dark", viewport: { width: 1280, height: 860 } },
  { name: "demo-narrow", colorScheme: "light", viewport: { width: 390, height: 844 } },
] as const;

const parts = shared(test, async (t) => {
  const nats = await startNats(t);
  const serviceEnv = { SIGNET_NATS_URL: nats.url };
  const { backend } = await startVendors(t, { serviceEnv, backendEnv: { NATS_URL: nats.url } });
  return { url: backend.url, browser: await startBrowser(t) };
});

/** A socket that is open, one that was refused, a player, an embed, and a key that was rotated. */
async function showAll(page: Page): Promise<void> {
  const [euler, hivekit] = [cardOf(page, "Euler Stream"), cardOf(page, "Hivekit")];
  await euler.press("Get a token");
  await euler.press("Connect");
  await euler.state("Connected");
  await euler.press("Second socket");
  await euler.says("second socket: closed 4429");
  await euler.press("Rotate keys");
  await hivekit.press("Get a token");
  const since = performance.now();
  await hivekit.press("Connect");
  await hivekit.state("In quarantine");
  await becomeTrusted(hivekit, since);
  await hivekit.press("Read a rider");
  await hivekit.press("Delete a rider");
  await hivekit.says("does not give this right");
  const shoplive = cardOf(page, "Shoplive");
  await shoplive.press("Get a VIP token");
  await shoplive.press("Enter the VIP show");
  await shoplive.state("Watching");
  const reactive = cardOf(page, "Reactive");
  await reactive.press("Get a token");
  await reactive.press("200 views at once");
  await reactive.press("Another stream");
  await reactive.says("AUDIENCE_MISMATCH");
  const viasocket = cardOf(page, "viaSocket");
  await viasocket.press("Get a token");
  await viasocket.press("Open integrations");
  await viasocket.state("Loaded");
  await page.getByRole("log", { name: "Audit events" }).getByText("token.rejected").first().waitFor();
  await page.mouse.move(0, 0);
  await page.evaluate(() => {
    scrollTo(0, 0);
    (document.activeElement as HTMLElement).blur();
  });
}

const testWithBoth = findTool("nats-server") === undefined ? testWithNats : testWithBrowser;

for (const { name, ...look } of LOOKS) {
  testWithBoth(`${name}: all five vendors can be tried side by side`, async (t) => {
    const { url, browser } = await parts();
    const page = await openPage(t, browser, url, look);
    await showAll(page);
    const picture = await page.screenshot(FOLDER === undefined ? {} : { path: join(FOLDER, `${name}.png`) });
    t.true(picture.length < 300_000, "small enough for the repository");
  });
}
