import { parentPort } from "node:worker_threads";
import type { FromAudit, ToAudit } from "../../src/audit-thread/messages.ts";

const send = (message: FromAudit): void => parentPort?.postMessage(message);
let asked = 0;
parentPort?.on("message", ({ type }: ToAudit) => {
  if (type === "stop") process.exit();
  if (type === "examine") return send({ type: "examined", full: false });
  asked += 1;
  if (asked === 1) send({ type: "depth", error: { code: "CORRUPT", message: "unreadable" } });
  else send({ type: "depth", depth: { events: asked, bytes: 0, oldestTime: undefined, last: asked } });
});
send({ type: "opened", full: false, last: 0, writer: "writer-1", log: undefined, acceptedLoss: undefined });
