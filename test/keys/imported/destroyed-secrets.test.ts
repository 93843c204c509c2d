import test from "ava";
import type { SecretVault } from "../../../src/keys/vault.ts";
import { createMemoryKeyValue } from "../../../src/state/memory.ts";
import { start } from "../rotating/ring-under-test.ts";
import { acme, newSecret, openReplica } from "./secrets-under-test.ts";

test("the secrets of an epoch are destroyed when the next one is used, and at the stop", async (t) => {
  const destroyed: string[] = [];
  const watch = (vault: SecretVault): SecretVault => ({
    ...vault,
    key: (kid, alg, bytes) => ({ ...vault.key(kid, alg, bytes), destroy: () => void destroyed.push(kid) }),
  });
  const store = createMemoryKeyValue(() => start);
  const [writer, reader] = [await openReplica(store), await openReplica(store, ["one"], watch)];
  const keys = reader.secrets.keysOf(acme);
  const use = async () => {
    await keys.reload();
    keys.signer(start);
  };
  await writer.import(newSecret(), { keyId: "first" });
  await use();
  t.deepEqual(destroyed, []);
  await writer.import(newSecret(), { keyId: "second" });
  reader.clock.now += 60_000;
  await use();
  t.is(keys.signer(start)?.kid, "second");
  t.deepEqual(destroyed, ["first"]);
  await reader.secrets.stop();
  t.deepEqual(destroyed.toSorted(), ["first", "first", "second"]);
});
