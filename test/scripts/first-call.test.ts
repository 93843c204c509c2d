import { execFile } from "node:child_process";
import { promisify } from "node:util";
import type { ExecutionContext } from "ava";
import { testWithNats } from "../support/nats/nats-server.ts";
import { startRealRun } from "./make-run.ts";

/** Pastes what `make run` shows. Returns what the verification and the event say. */
async function pasteShown(t: ExecutionContext, env: NodeJS.ProcessEnv) {
  const run = await startRealRun(t, env);
  await run.ready();
  const [issue = "", verify = "", event = ""] = run.output().split("# 1.")[1]?.split(/^#.*$/m).map(firstCommand) ?? [];
  const shell = async (...lines: string[]) => (await promisify(execFile)("sh", ["-ec", lines.join("\n")])).stdout;
  const verified = await shell(issue, verify);
  let events = "";
  while (!events.includes("token.issued")) events = await shell(event);
  run.child.kill("SIGINT");
  t.is(await run.ended(), 0);
  return { verified, events };
}

testWithNats("what it shows can be pasted as it is: a token, its verification, its audit event", async (t) => {
  const { verified, events } = await pasteShown(t, {});
  t.regex(verified, /"valid": true|^valid/m);
  t.regex(events, /token\.issued +service .* loopback/, "the event is there, and names the caller");
});

testWithNats("with TLS=1 the calls go over mTLS, and the event names the caller of the certificate", async (t) => {
  const { verified, events } = await pasteShown(t, { TLS: "1" });
  t.regex(verified, /"valid": true|^valid/m);
  t.regex(events, /token\.issued +service .* spiffe:\/\/example\.org\/shop/);
});

function firstCommand(text: string): string {
  return text.split("\n").find((line) => /^(?:TOKEN=|npx |\S*grpcurl |echo )/.test(line)) ?? "";
}
