import test from "ava";
import { healthClient } from "../support/service/health.ts";
import { startService } from "../support/service/service.ts";
import { waitUntil } from "../support/wait-until.ts";

test("a health watch does not keep a connection that has reached its age", async (t) => {
  const service = await startService(t, { env: { SIGNET_GRPC_MAX_CONNECTION_AGE: "1s" } });
  const health = healthClient(t, service.app.addresses.grpc);
  const statuses = await health.watch("");
  t.deepEqual(statuses, ["SERVING"]);
  await waitUntil("the watch is cut", () => statuses.includes("CUT"));
  t.is(await health.check(""), "SERVING", "a new connection is served");
});
