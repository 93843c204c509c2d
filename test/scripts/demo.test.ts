import { readdirSync } from "node:fs";
import { testWithNats } from "../support/nats/nats-server.ts";
import { get } from "../support/service/get.ts";
import { listens, silent, startDemo } from "./make-run.ts";

testWithNats("make demo starts all four parts, prints the page, and leaves nothing when it is stopped", async (t) => {
  const demo = await startDemo(t);
  await demo.printed(`Open http://127.0.0.1:${demo.page}/ in a browser`);
  const page = `http://127.0.0.1:${demo.page}`;
  t.regex(await (await get(page)).text(), /<h1>Signet<\/h1>/);
  const answer = await get(`${page}/api/viasocket/token`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: "{}",
  });
  t.is(answer.status, 200, "the backend gets a token");
  t.is((await get(`http://127.0.0.1:${demo.gateway}/livez`)).status, 200);
  demo.child.kill("SIGINT");
  t.is(await demo.ended(), 0);
  for (const port of [demo.page, demo.gateway, demo.ports.grpc, demo.ports.nats]) await silent(port);
  t.false(await listens(demo.ports.http));
  t.deepEqual(
    readdirSync(demo.root).filter((name) => name.startsWith("signet-demo-")),
    [],
    "the data is gone",
  );
});
