import type { Page } from "playwright-core";

/** The card of a vendor on the page of the demo. */
export interface Card {
  /** Presses a button by its name. */
  press(name: string): Promise<void>;
  /** Resolves when the state is this text. */
  state(text: string): Promise<void>;
  /** Resolves when the newest lines of what happened hold this text. */
  says(text: string): Promise<void>;
  /** Resolves when the fact has this value. */
  fact(name: string, value: string): Promise<void>;
}

export function cardOf(page: Page, vendor: string): Card {
  const card = page.getByRole("article", { name: vendor, exact: true });
  return {
    press: (name) => card.getByRole("button", { name, exact: true }).click(),
    state: (text) => card.getByRole("status").getByText(text, { exact: true }).waitFor(),
    says: (text) => card.getByRole("log").getByText(text).first().waitFor(),
    fact: (name, value) => card.locator("dl div", { hasText: name }).getByText(value, { exact: true }).waitFor(),
  };
}

const QUARANTINE_MS = 10_000;

/**
 * Authenticates in quarantine, which begins after `since`, in milliseconds of the process: a busy machine may be
 * late, and then connects again.
 */
export async function becomeTrusted(hivekit: Card, since: number): Promise<void> {
  for (let late = 0, began = since; ; late++) {
    const [pressed, trusted, closed] = [
      hivekit.press("Authenticate"),
      hivekit.state("Trusted").then(() => true),
      hivekit.state("Closed 1008").then(() => false),
    ];
    // What is no longer waited for ends with the page.
    for (const waiting of [pressed, trusted, closed]) waiting.catch(() => {});
    if (await Promise.race([trusted, closed])) return;
    if (late === 3 || performance.now() - began < QUARANTINE_MS) throw new Error("closed with 1008 in quarantine");
    began = performance.now();
    await hivekit.press("Connect");
    await hivekit.state("In quarantine");
  }
}
