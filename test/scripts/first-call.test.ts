import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { testWithNats } from "../support/nats/nats-server.ts";
import { startRealRun } from "./make-run.ts";

testWithNats("what it shows can be pasted as it is: a token, its verification, its audit event", async (t) => {
  const run = await startRealRun(t);
  await run.ready();
  const [issue = "", verify = "", event = ""] = run.output().split("# 1.")[1]?.split(/^#.*$/m).map(firstCommand) ?? [];
  const shell = async (...lines: string[]) => (await promisify(execFile)("sh", ["-ec", lines.join("\n")])).stdout;

  t.regex(await shell(issue, verify), /"valid": true|^valid/m);
  let events = "";
  while (!events.includes("token.issued")) events = await shell(event);
  t.regex(events, /token\.issued +service .* loopback/, "the event is there, and names the caller");

  run.child.kill("SIGINT");
  t.is(await run.ended(), 0);
});

function firstCommand(text: string): string {
  return text.split("\n").find((line) => /^(?:TOKEN=|npx |\S*grpcurl |echo )/.test(line)) ?? "";
}
