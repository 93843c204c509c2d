// The service with a clock that a test moves, and keys that rotate as it says. REPLICA_CLOCK names the file that holds how
// many milliseconds the clock is ahead of the machine's; REPLICA_POLICY is the KeyPolicy of all keysets: one that no
// configuration may have, because the profiles that ship issue tokens for hours.
import { readFileSync } from "node:fs";
import { startApp } from "../../src/app.ts";
import { loadConfig } from "../../src/config/load.ts";
import type { KeyPolicy } from "../../src/keyring/bounds.ts";

const { env } = process;
const policy = JSON.parse(env.REPLICA_POLICY ?? "") as KeyPolicy;
const config = loadConfig({ env });
const keysets = config.keysets.map((keyset) => ({ ...keyset, policy }));
const now = () => Date.now() + Number(readFileSync(env.REPLICA_CLOCK ?? "", "utf8"));
const app = await startApp({ ...config, keysets, clockSkewMs: policy.skew }, { now });
process.once("SIGTERM", async () => {
  await app.stop("SIGTERM");
  process.exit();
});
await app.failed;
