import { readFileSync } from "node:fs";
import { startApp } from "../../../src/app/app.ts";
import { loadConfig } from "../../../src/config/load.ts";
import type { KeyPolicy } from "../../../src/keys/rotating/policy.ts";

const { env } = process;
const { clockSkewMs, keysets, ...config } = loadConfig({ env });
/** Replaces the policy of every keyset in the configuration. */
const policy = env.REPLICA_POLICY === undefined ? undefined : (JSON.parse(env.REPLICA_POLICY) as KeyPolicy);
const acceptLosses = (env.REPLICA_ACCEPT_LOSSES ?? "").split(" ");
const app = await startApp(
  {
    ...config,
    keysets: keysets.map((keyset) => ({ ...keyset, policy: policy ?? keyset.policy })),
    clockSkewMs: policy?.skew ?? clockSkewMs,
  },
  { now, acceptLosses },
);
process.once("SIGTERM", async () => {
  await app.stop("SIGTERM");
  process.exit();
});
await app.failed;

/** The file says how far the clock is ahead of the machine's in milliseconds, or after an @ at what time it stands. */
function now(): number {
  const text = readFileSync(env.REPLICA_CLOCK ?? "", "utf8");
  return text.startsWith("@") ? Number(text.slice(1)) : Date.now() + Number(text);
}
