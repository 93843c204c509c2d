import { readFileSync } from "node:fs";
import { startApp } from "../../../src/app/app.ts";
import { loadConfig } from "../../../src/config/load.ts";
import type { KeyPolicy } from "../../../src/keys/rotating/policy.ts";

const { env } = process;
const policy = JSON.parse(env.REPLICA_POLICY ?? "") as KeyPolicy;
const config = loadConfig({ env });
const keysets = config.keysets.map((keyset) => ({ ...keyset, policy }));
const now = () => Date.now() + Number(readFileSync(env.REPLICA_CLOCK ?? "", "utf8"));
const acceptLosses = (env.REPLICA_ACCEPT_LOSSES ?? "").split(" ");
const app = await startApp({ ...config, keysets, clockSkewMs: policy.skew }, { now, acceptLosses });
process.once("SIGTERM", async () => {
  await app.stop("SIGTERM");
  process.exit();
});
await app.failed;
