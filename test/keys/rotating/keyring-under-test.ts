import { createHash, randomBytes } from "node:crypto";
import { kekOf } from "../../../src/jose/kek.ts";
import { createKeyVault, recordKeysOf } from "../../../src/jose/key-vault.ts";
import type { KeyringOptions } from "../../../src/keys/rotating/options.ts";
import type { KeyringEvent } from "../../../src/keys/rotating/views.ts";
import { createMemoryKeyValue } from "../../../src/state/memory.ts";
import { policy, start } from "./ring-under-test.ts";

/** A KEK that is the same for the same name. */
const kekNamed = (name: string) => kekOf(createHash("sha256").update(name).digest());

/** Real keys over a memory store, a clock that the test moves, and what was reported. */
export function makeOptions(overrides: Partial<KeyringOptions> = {}) {
  const clock = { now: start };
  const now = () => clock.now;
  const events: KeyringEvent[] = [];
  const keks = [kekNamed("one")] as const;
  const options: KeyringOptions = {
    keyset: "service",
    alg: "EdDSA",
    policy,
    store: createMemoryKeyValue(now),
    maker: createKeyVault(keks),
    recordKeys: recordKeysOf(keks),
    randomBytes,
    now,
    jwksMayBeCached: false,
    report: (event) => events.push(event),
    ...overrides,
  };
  return { options, clock, events };
}

/** What the options hold of the KEKs: the current one, then those before it. */
export function underKeks(...names: readonly [string, ...string[]]): Pick<KeyringOptions, "maker" | "recordKeys"> {
  const [current, ...previous] = names;
  const keks = [kekNamed(current), ...previous.map(kekNamed)] as const;
  return { maker: createKeyVault(keks), recordKeys: recordKeysOf(keks) };
}
