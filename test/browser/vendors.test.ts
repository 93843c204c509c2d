import test, { type ExecutionContext } from "ava";
import type { Browser } from "playwright-core";
import { startVendors, type Vendors } from "../support/gateway-client.ts";
import { shared } from "../support/service/shared.ts";
import { openPage, startBrowser, testWithBrowser } from "./browser.ts";
import { becomeTrusted, type Card, cardOf } from "./card.ts";

const parts = shared(test, async (t): Promise<{ vendors: Vendors; browser: Browser }> => {
  const vendors = await startVendors(t);
  return { vendors, browser: await startBrowser(t) };
});

async function cardFor(t: ExecutionContext, vendor: string): Promise<Card> {
  const { vendors, browser } = await parts();
  t.pass("the steps wait for what they expect, and fail without it");
  return cardOf(await openPage(t, browser, vendors.backend.url), vendor);
}

testWithBrowser("Euler Stream: from the page to an open connection, and each refusal", async (t) => {
  const euler = await cardFor(t, "Euler Stream");
  await euler.press("No token");
  await euler.says("no token: closed 4401, not authenticated");
  await euler.press("Get a token");
  await euler.state("Token issued");
  await euler.press("Connect");
  await euler.state("Connected");
  await euler.fact("Sessions", "1 of 1");
  await euler.press("Second socket");
  await euler.says("second socket: closed 4429, too many connections");
  await euler.press("Another creator");
  await euler.says("another creator: closed 4403, creator not allowed");
  await euler.press("No creator");
  await euler.says("no creator: closed 4400, bad options");
  await euler.press("Rotate keys");
  await euler.says("the earlier key still verifies");
  await euler.state("Connected");
  await euler.press("Close");
  await euler.state("Closed");
  await euler.press("Connect");
  await euler.state("Connected");
  await euler.press("Revoke");
  await euler.state("Closed 4401");
});

testWithBrowser("Hivekit: quarantine, the error frame, a trusted connection, its rights, and its end", async (t) => {
  const hivekit = await cardFor(t, "Hivekit");
  await hivekit.press("HTTP without a token");
  await hivekit.says("HTTP 401, WWW-Authenticate: Bearer");
  await hivekit.press("Get a token");
  const since = performance.now();
  await hivekit.press("Connect");
  await hivekit.state("In quarantine");
  await hivekit.press("Frame too early");
  await hivekit.press("Bad token");
  await hivekit.says("error frame:");
  await becomeTrusted(hivekit, since);
  await hivekit.press("Read a rider");
  await hivekit.says("R deliveryRiders/johndoe-123: permitted");
  await hivekit.press("Delete a rider");
  await hivekit.says("D deliveryRiders/johndoe-123: the token does not give this right");
  await hivekit.press("Rotate secret");
  await hivekit.says("the earlier key still verifies");
  await hivekit.press("Read a rider");
  await hivekit.state("Trusted");
  await hivekit.press("Revoke");
  await hivekit.state("Closed 1008");
});

testWithBrowser("Reactive: views are counted, and each denial is a 401 with a challenge", async (t) => {
  const reactive = await cardFor(t, "Reactive");
  await reactive.press("No token");
  await reactive.says("no token: HTTP 401 CARRIER_MISSING, WWW-Authenticate: Bearer");
  await reactive.press("Get a token");
  await reactive.press("Count a view");
  await reactive.says("a view: view 1");
  await reactive.press("200 views at once");
  await reactive.fact("Views", "201");
  await reactive.press("Another stream");
  await reactive.says('another stream: HTTP 401 AUDIENCE_MISMATCH, WWW-Authenticate: Bearer error="invalid_token"');
  await reactive.press("Wrong scheme");
  await reactive.says("wrong scheme: HTTP 401 CARRIER_MISSING");
  await reactive.press("Rotate secret");
  await reactive.says("the earlier key still verifies");
  await reactive.press("Count a view");
  await reactive.says("a view: view 202");
  await reactive.press("Revoke");
  await reactive.says("revoked");
  await reactive.press("Count a view");
  await reactive.says("a view: HTTP 401 REVOKED");
});

testWithBrowser("Shoplive: the player of a VIP show admits its viewer, and refuses the others", async (t) => {
  const { vendors, browser } = await parts();
  const page = await openPage(t, browser, vendors.backend.url);
  const shoplive = cardOf(page, "Shoplive");
  const player = page.frameLocator("#shoplive-player iframe");
  await shoplive.press("Get a VIP token");
  await shoplive.press("Enter the VIP show");
  await shoplive.state("Watching");
  await player.getByText("You are watching as my_nickname.").waitFor();
  await shoplive.press("Enter as BASIC");
  await shoplive.state("Refused: NOT_PERMITTED");
  await player.getByText("NOT_PERMITTED: the campaign admits other user types only").waitFor();
  await shoplive.press("Unsigned user");
  await shoplive.state("Refused: MALFORMED");
  await shoplive.press("No token");
  await shoplive.state("Refused: CARRIER_MISSING");
  t.is(await player.locator("h1").innerText(), "vip-show");
});

testWithBrowser(
  "viaSocket: the embed loads its user's flows, and could not load without a right to them",
  async (t) => {
    const viasocket = await cardFor(t, "viaSocket");
    await viasocket.press("No token");
    await viasocket.says("no token: Could not load, HTTP 401 CARRIER_MISSING");
    await viasocket.press("Get a token");
    await viasocket.press("Open integrations");
    await viasocket.says("embed: 3 flows, with NO_EXPIRY");
    await viasocket.press("REST, no scheme");
    await viasocket.says("REST, no scheme: 3 flows");
    await viasocket.press("Another project");
    await viasocket.says("another project: Could not load, HTTP 401 NOT_PERMITTED");
    await viasocket.press("Rotate access key");
    await viasocket.says("the earlier key still verifies");
    await viasocket.press("Open integrations");
    await viasocket.state("Loaded");
    await viasocket.press("Revoke");
    await viasocket.says("revoked");
    await viasocket.press("Open integrations");
    await viasocket.says("embed: Could not load, HTTP 401 REVOKED");
  },
);
