import test from "ava";
import { createHeldKeys } from "../../src/callers/held-keys.ts";
import { IssuerKeysError } from "../../src/callers/issuer-keys.ts";
import { POLLING, startPolledKeys } from "../../src/callers/polled-keys.ts";
import { importIssuerKey } from "../../src/jose/issuer-key.ts";
import type { Ending } from "../support/service/shared.ts";
import { type TestIssuer, testIssuer } from "../support/tokens/issuer.ts";
import { waitUntil } from "../support/wait-until.ts";

interface Polled {
  readonly keys: ReturnType<typeof startPolledKeys>;
  readonly issuer: TestIssuer;
  readonly clock: { now: number };
  /** What the issuer answers; undefined: it is down. */
  answer: string | undefined;
  fetches: number;
  /** How often the clock was looked at. */
  readonly looks: number;
  readonly errors: unknown[];
}

/** Keys that were read once. */
async function polled(t: Ending): Promise<Polled> {
  const issuer = testIssuer();
  const clock = { now: 1_800_000_000_000 };
  const held = createHeldKeys({ use: "sig", useOptional: true, algorithms: ["ES256"] }, importIssuerKey, () => {});
  const state = {
    issuer,
    clock,
    answer: issuer.jwks() as string | undefined,
    fetches: 0,
    looks: 0,
    errors: [] as unknown[],
  };
  const keys = startPolledKeys({
    held,
    now() {
      state.looks += 1;
      return clock.now;
    },
    onError: (error) => state.errors.push(error),
    async fetch() {
      state.fetches += 1;
      if (state.answer === undefined) throw new Error("down");
      return Buffer.from(state.answer);
    },
  });
  t.teardown(() => keys.stop());
  await waitUntil("the keys are read", () => keys.find("k1") !== undefined);
  return Object.assign(state, { keys });
}

test("until ten minutes are over the keys are not read again", async (t) => {
  const state = await polled(t);
  state.clock.now += POLLING.refresh - 1;
  // The reader looks at the clock each second: it would have read again before the next second is over.
  const looks = state.looks;
  await waitUntil("the clock was looked at", () => state.looks > looks + 2);
  t.is(state.fetches, 1);
});

test("the keys are read again after ten minutes, and a key that is gone is forgotten", async (t) => {
  const state = await polled(t);
  state.answer = testIssuer("ES256", "k2").jwks();
  state.clock.now += POLLING.refresh;
  await waitUntil("the new key is known", () => state.keys.find("k2") !== undefined);
  t.is(state.keys.find("k1"), undefined);
  t.is(state.fetches, 2);
});

test("the keys of an issuer that is down count for four hours", async (t) => {
  const state = await polled(t);
  state.answer = undefined;
  state.clock.now += POLLING.stale;
  t.not(state.keys.find("k1"), undefined);
  await waitUntil("the failure is reported", () => state.errors.length > 0);
  t.not(state.keys.find("k1"), undefined);
  state.clock.now += 1;
  t.is(state.keys.find("k1"), undefined);
  state.answer = state.issuer.jwks();
  state.clock.now += POLLING.coolDown;
  await state.keys.reload();
  t.not(state.keys.find("k1"), undefined);
});

test("a flood of unknown kids is one reading in the cool-down", async (t) => {
  const state = await polled(t);
  state.issuer.rotate("k2");
  state.answer = state.issuer.jwks();
  await Promise.all(Array.from({ length: 100 }, () => state.keys.reload()));
  t.is(state.fetches, 2);
  t.not(state.keys.find("k2"), undefined);
  state.clock.now += POLLING.coolDown - 1;
  t.is(state.keys.reload(), undefined);
  state.clock.now += 1;
  await state.keys.reload();
  t.is(state.fetches, 3);
});

test("a document that is no JWK Set, or has no good key, leaves the keys in use", async (t) => {
  const state = await polled(t);
  for (const [answer, code] of [
    ["{}", "NOT_A_JWKS"],
    ['{"keys":[]}', "NO_KEY"],
    [state.issuer.jwks({ use: "enc" }), "NO_KEY"],
  ] as const) {
    state.answer = answer;
    await t.throwsAsync(async () => state.keys.reload(), { instanceOf: IssuerKeysError, code });
    state.clock.now += POLLING.coolDown;
    t.not(state.keys.find("k1"), undefined);
  }
});
