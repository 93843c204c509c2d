import test from "ava";
import { HANGS_MS } from "../support/bounded.ts";
import { startVendors } from "../support/gateway-client.ts";
import { startNats, testWithNats } from "../support/nats/nats-server.ts";
import { findTool } from "../support/service/find-tool.ts";
import { get } from "../support/service/get.ts";
import { shared } from "../support/service/shared.ts";
import { openPage, startBrowser, testWithBrowser } from "./browser.ts";
import { cardOf } from "./card.ts";
import { faintTexts } from "./contrast.ts";

const parts = shared(test, async (t) => {
  const vendors = await startVendors(t);
  return { url: vendors.backend.url, browser: await startBrowser(t) };
});

const testWithAuditEvents = findTool("nats-server") === undefined ? testWithNats : testWithBrowser;

testWithAuditEvents("audit events arrive while the page is open, and those before it are there", async (t) => {
  const nats = await startNats(t);
  const serviceEnv = { SIGNET_NATS_URL: nats.url };
  const { backend } = await startVendors(t, { serviceEnv, backendEnv: { NATS_URL: nats.url } });
  const { browser } = await parts();
  const page = await openPage(t, browser, backend.url);
  const audit = page.getByRole("log", { name: "Audit events" });
  await page.getByRole("status").getByText("Live").waitFor();
  await audit.getByText("key.imported").first().waitFor();
  await cardOf(page, "viaSocket").press("Get a token");
  await audit.getByText("token.issued").first().waitFor();
  t.regex(await audit.getByRole("listitem").first().innerText(), /token\.issued\s+viasocket · token h\./);
});

testWithBrowser("nothing inline and nothing from elsewhere may run", async (t) => {
  const { url, browser } = await parts();
  const policy = (await get(url)).headers.get("content-security-policy") ?? "";
  t.regex(policy, /^default-src 'none'; script-src 'self' http:\/\/127\.0\.0\.1:\d+;/);
  t.notRegex(policy, /unsafe|\*/);
  const page = await browser.newPage();
  page.setDefaultTimeout(HANGS_MS);
  t.teardown(() => page.close());
  await page.goto(url);
  const blocked = page.waitForEvent("console", (message) => message.text().includes("Content Security Policy"));
  await page.evaluate(() => {
    const script = document.createElement("script");
    script.textContent = "document.body.dataset.inline = 'ran'";
    document.body.append(script);
  });
  await blocked;
  t.is(await page.evaluate(() => document.body.dataset.inline), undefined);
});

testWithBrowser("the keyboard alone is enough: the first way leads past the header, and Enter presses", async (t) => {
  const { url, browser } = await parts();
  const page = await openPage(t, browser, url);
  const focused = () => page.evaluate(() => document.activeElement?.textContent?.trim());
  await page.keyboard.press("Tab");
  t.is(await focused(), "Skip to the vendors");
  await page.keyboard.press("Enter");
  await page.keyboard.press("Tab");
  t.is(await focused(), "Get a token");
  await page.keyboard.press("Enter");
  await cardOf(page, "Euler Stream").state("Token issued");
  t.is(await focused(), "Get a token", "the focus stays where it was");
  await page.keyboard.press("Tab");
  t.is(await focused(), "Connect", "what became possible is the next step");
  const ring = await page.evaluate(() => getComputedStyle(document.activeElement as Element).outlineWidth);
  t.is(ring, "3px", "the focus is seen");
});

testWithBrowser("a screen reader hears names for all buttons, groups, logs and frames", async (t) => {
  const { url, browser } = await parts();
  const page = await openPage(t, browser, url);
  const snapshot = await page.locator("body").ariaSnapshot();
  t.notRegex(snapshot, /- (button|group|log|article|img)(?: \[.*\])?:?$/m, "no such element is without a name");
  for (const name of ["Euler Stream", "Hivekit", "Reactive", "Shoplive", "viaSocket"]) {
    t.true(snapshot.includes(`article "${name}"`), name);
    t.true(snapshot.includes(`log "${name}: what happened"`), name);
  }
});

for (const colorScheme of ["light", "dark"] as const) {
  testWithBrowser(`in ${colorScheme} every text can be read, and a narrow page does not scroll sideways`, async (t) => {
    const { url, browser } = await parts();
    const page = await openPage(t, browser, url, { colorScheme, viewport: { width: 360, height: 800 } });
    const reactive = cardOf(page, "Reactive");
    await reactive.press("Get a token");
    await reactive.press("Another stream");
    await reactive.state("Refused: AUDIENCE_MISMATCH");
    t.deepEqual(await faintTexts(page), []);
    t.is(await page.evaluate(() => document.documentElement.scrollWidth - innerWidth), 0);
    await page.evaluate(() => document.body.style.setProperty("--quiet", "#777"));
    t.not((await faintTexts(page)).length, 0, "negative control: a faint grey is found");
  });
}
