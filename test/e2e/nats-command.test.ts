import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { text } from "node:stream/consumers";
import test, { type ExecutionContext } from "ava";
import { readPage } from "../docs/pages.ts";
import { tempFolder } from "../support/files/temp.ts";
import { startNats } from "../support/nats/nats-server.ts";
import { findTool } from "../support/service/find-tool.ts";
import { revokeTokens } from "../support/service/revoke-tokens.ts";
import { issue, processEnv, startService } from "../support/service/service.ts";
import { waitUntil } from "../support/wait-until.ts";

const missing = ["nats", "nats-server"].filter((name) => findTool(name) === undefined);

/** The lines of docs/subscribers.md that begin with `nats`, in blocks and within sentences. */
const [ADD, NEXT, INFO, SUB, REMOVE] = linesOf(readPage("docs/subscribers.md"));

function linesOf(page: string): readonly [string, string, string, string, string] {
  const lines = [...page.matchAll(/^(nats \w.*)$|`(nats consumer rm [^`]+)`/gm)].map(
    ([, line, words]) => line ?? words,
  );
  const of = (verb: string) => lines.find((line) => line?.startsWith(`nats ${verb} `)) ?? `no line for nats ${verb}`;
  return [of("consumer add"), of("consumer next"), of("consumer info"), of("sub"), of("consumer rm")];
}

// Go takes minutes to build the command, so that `make soak` does it and CI does not.
const register = missing.length === 0 ? test : test.skip;
register(`the lines for the nats command do what the page says${missing.map((name) => ` (no ${name})`)}`, async (t) => {
  const nats = await startNats(t);
  const service = await startService(t, { env: { SIGNET_NATS_URL: nats.url } });
  const home = await tempFolder(t);
  const start = (line: string) => startShell(t, line, { NATS_URL: nats.url, HOME: home });
  const run = async (line: string) => {
    const child = start(line);
    const output = Promise.all([child.stdout, child.stderr].map((stream) => (stream === null ? "" : text(stream))));
    const [code] = await once(child, "close");
    const [printed = "", errors = ""] = await output;
    return { code, printed, errors };
  };
  for (let count = 0; count < 12; count++) await issue(service);
  await waitUntil("the events are in the stream", async () => /Messages: \d{2}/.test((await run(STREAM)).printed));

  t.like(await run(ADD), { code: 0 });
  const first = await run(NEXT);
  t.is(first.code, 0, first.errors);
  const events = bodiesIn(first.printed);
  t.true(events.length > 0 && events.every(({ eventId, writer }) => eventId && writer));
  t.regex((await run(INFO)).printed, /Consumer sequence: 10 .*Outstanding Acks: 0 .*Unprocessed Messages: \d+/s);

  let rest = await run(NEXT);
  while (rest.code === 0) rest = await run(NEXT);
  t.regex(rest.errors, /message does not have a reply|no message received/, "fewer than ten are left");
  t.regex((await run(INFO)).printed, /Outstanding Acks: 0 .*Unprocessed Messages: 0/s);

  const subscribed = start(SUB);
  let heard = "";
  subscribed.stdout?.on("data", (part) => {
    heard += part;
  });
  await waitUntil("a revocation is heard", async () => {
    await revokeTokens(service, { tokenIds: [(await issue(service)).tokenId] });
    return heard.includes('"tokenRevoked"');
  });
  t.notRegex(heard, /"tokenIssued"/);
  subscribed.kill("SIGKILL");

  t.like(await run(REMOVE), { code: 0 });
  t.like(await run(INFO), { code: 1 });
  t.like(await run(ADD), { code: 0 });
  t.deepEqual(bodiesIn((await run(NEXT)).printed), events, "it begins with the first event");
});

const STREAM = "nats stream info SIGNET_AUDIT";

/** The command finds its settings in the home folder alone, which is empty. */
function startShell(t: ExecutionContext, line: string, env: Readonly<Record<string, string>>): ChildProcess {
  const tools = findTool("nats")?.replace(/\/nats$/, "");
  const path = `${tools}:${process.env.PATH}`;
  const child = spawn("sh", ["-c", `exec ${line}`], {
    env: { ...processEnv(), ...env, PATH: path },
    stdio: ["ignore", "pipe", "pipe"],
  });
  t.teardown(() => child.kill("SIGKILL"));
  return child;
}

function bodiesIn(printed: string): readonly { readonly eventId?: string; readonly writer?: string }[] {
  // A checkpoint is no JSON.
  const lines = printed.split("\n").filter((line) => line.startsWith("{"));
  return lines.map((line) => JSON.parse(line));
}
