import { createReadStream } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { ExecutionContext } from "ava";
import { fsck } from "../../support/audit/fsck.ts";
import { HANGS_MS } from "../../support/bounded.ts";
import { tempFolder } from "../../support/files/temp.ts";
import { startNats, testWithNats } from "../../support/nats/nats-server.ts";
import { rounds } from "../../support/rounds.ts";
import { seededRandom } from "../../support/seeded-random.ts";
import { signetProcess } from "../../support/service/command-line.ts";
import { findTool } from "../../support/service/find-tool.ts";
import { startLoad } from "../../support/service/load.ts";
import { allForwarded, startRemote } from "../../support/service/remote-service.ts";
import { issue } from "../../support/service/service.ts";

/** SOAK=1000 asks for a million. */
const TOKENS = rounds(1_000);
const MOST_BETWEEN_KILLS = Math.min(Math.ceil(TOKENS / 3), 20_000);
const WORKERS = 16;
const BOUND_MS = rounds(HANGS_MS);

type Run = (...words: string[]) => ReturnType<typeof signetProcess>;

testWithNats("the log of a service that is killed again and again is proven by public keys alone", async (t) => {
  const random = seededRandom(t);
  const folder = await tempFolder(t);
  const nats = await startNats(t);
  const place = { data: join(folder, "data"), env: { SIGNET_NATS_URL: nats.url } };
  const answered: string[] = [];
  let unknown = 0;
  let kills = 0;
  while (answered.length < TOKENS) {
    const service = await startRemote(t, place);
    const load = startLoad(WORKERS, async () => answered.push((await issue(service)).tokenId));
    await load.more(random(1, MOST_BETWEEN_KILLS));
    const withoutNats = random(0, 3) === 0;
    if (withoutNats) {
      await nats.kill9();
      await load.more(random(1, 200));
    }
    await service.process.kill9();
    unknown += (await load.ended).length;
    kills += 1;
    if (withoutNats) await nats.restart();
  }
  const service = await startRemote(t, place);
  const { grpc } = service.app.addresses;
  const run: Run = (...words) =>
    signetProcess(words, { ...place, env: { ...place.env, SIGNET_ADDRESS: grpc }, boundMs: BOUND_MS });
  const policy = join(folder, "audit.policy");
  await writeFile(policy, (await run("audit", "keys")).stdout);
  await allForwarded(service);
  t.is(await service.process.stop(), 0);

  const file = join(folder, "log.ndjson");
  t.like(await run("audit", "export", "--out", file), { code: 0 });
  const verified = await run("audit", "verify", "--policy", policy, "--json", file);
  t.is(verified.code, 0, verified.stdout + verified.stderr);
  t.is(await countLost(file, answered), 0);
  t.log(`${kills} kills, ${answered.length} tokens answered, 0 lost, ${unknown} unknown`);

  await proveTiles(t, run, folder, await readFile(policy, "utf8"));

  // Of a million events this would be a text longer than Node allows.
  if (TOKENS > 100_000) return;
  const lines = (await readFile(file, "utf8")).split("\n");
  const cut = lines.findIndex((line, at) => at >= random(0, TOKENS) && line.includes('"tokenIssued"'));
  await writeFile(`${file}.cut`, lines.toSpliced(cut, 1).join("\n"));
  t.is(
    (await run("audit", "verify", "--policy", policy, `${file}.cut`)).code,
    1,
    "control: an event that was taken out is missed",
  );
});

/** Exports the log of each writer as tiles, and asks the fsck of tessera, where it is. */
async function proveTiles(t: ExecutionContext, run: Run, folder: string, policy: string): Promise<void> {
  const program = findTool("tlog-fsck");
  if (program === undefined) return t.log("there is no tlog-fsck: scripts/tools.sh tlog-fsck");
  for (const [, key = "", writer = ""] of policy.matchAll(/^log (\S+?\/audit\/([^+]+)\S+)/gm)) {
    const tiles = join(folder, `tiles-${writer}`);
    t.like(await run("audit", "export", "--writer", writer, "--tiles", tiles), { code: 0 });
    await writeFile(`${tiles}.key`, key);
    const said = await fsck(program, tiles, `${tiles}.key`, BOUND_MS);
    t.regex(said, /Successfully fsck'd/);
    t.log(said.split("\n").filter((line) => line.includes("Successfully"))[0] ?? "");
  }
}

/** How many of the tokens have no event in the file. */
async function countLost(file: string, answered: readonly string[]): Promise<number> {
  const lost = new Set(answered);
  for await (const line of createInterface({ input: createReadStream(file) })) {
    const { tokenIssued }: { readonly tokenIssued?: { readonly tokenId: string } } = JSON.parse(line);
    if (tokenIssued !== undefined) lost.delete(tokenIssued.tokenId);
  }
  return lost.size;
}
