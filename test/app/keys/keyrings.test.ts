import test from "ava";
import { openKeyrings } from "../../../src/app/keys/keyrings.ts";
import { NO_SNAPSHOTS, type SharedState } from "../../../src/app/state/shared-state.ts";
import { type Ed25519, OPENSSL } from "../../../src/jose/ed25519/ed25519.ts";
import { kekOf } from "../../../src/jose/kek.ts";
import { SignatureCounts } from "../../../src/keys/signature-counts.ts";
import type { Keyset } from "../../../src/profile/keysets.ts";
import { ALWAYS_FIT } from "../../../src/replica/fitness.ts";
import { createMemoryKeyValue } from "../../../src/state/memory.ts";
import { policy, start } from "../../keys/rotating/ring-under-test.ts";

/** Ed25519 that counts the private keys that are open. */
function countingEd25519() {
  const open = new Set<object>();
  const ed25519: Ed25519 = {
    ...OPENSSL,
    signer(seed) {
      const signer = OPENSSL.signer(seed);
      open.add(signer);
      return {
        ...signer,
        destroy() {
          signer.destroy();
          open.delete(signer);
        },
      };
    },
  };
  return { ed25519, open };
}

const keyset = (name: string): Keyset => ({ name, algorithm: "EdDSA", policy });

/** A store that replicas may share, and what opens rings in it. */
function makeStore() {
  const now = () => start;
  const store = createMemoryKeyValue(now);
  const state = {
    store: { rings: store, noFirstKeys: undefined, isRetryable: () => false },
    peers: { announce: () => {}, late: () => [] },
    ...{ fitness: ALWAYS_FIT, snapshots: NO_SNAPSHOTS },
  } as unknown as SharedState;
  const keks = [kekOf(Buffer.alloc(32, 1))] as const;
  const open = (names: readonly string[], ed25519: Ed25519) =>
    openKeyrings({ keysets: names.map(keyset), retired: [] }, state, { keks, ed25519 }, new SignatureCounts(), now, {
      report: () => {},
    });
  return { store, open };
}

test("rings that were opened are stopped where another one can't be: no private key is left", async (t) => {
  const { store, open } = makeStore();
  const { inUse } = await open(["service", "partner"], OPENSSL);
  for (const ring of inUse) await ring.stop();
  const { ed25519, open: keys } = countingEd25519();
  await store.create("keys/third/epoch/1", Buffer.from("garbage"));
  await t.throwsAsync(open(["service", "third", "partner"], ed25519), { code: "BROKEN_RECORD" });
  t.is(keys.size, 0);
  const again = await open(["service", "partner"], ed25519);
  t.true(keys.size >= 2, "control: rings that are open have private keys");
  for (const ring of again.inUse) await ring.stop();
  t.is(keys.size, 0);
});
