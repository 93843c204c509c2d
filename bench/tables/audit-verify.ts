import { once } from "node:events";
import { createWriteStream, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { finished } from "node:stream/promises";
import { headAfter, nextPlace, startEpoch } from "../../src/audit/chain.ts";
import { encodeEvent } from "../../src/audit/encode.ts";
import { createUuidV7Generator } from "../../src/audit/event-id.ts";
import { checkpointLine } from "../../src/audit/stream-message.ts";
import { EMPTY_EDGE, grow } from "../../src/audit/tree/edge.ts";
import { leafHash } from "../../src/audit/tree/hash.ts";
import { createLogSigner } from "../../test/support/audit/log-signer.ts";
import { issued } from "../../test/support/files/spool-fixture.ts";
import { runTimed } from "../servers/process.ts";
import { median, ratios } from "../statistics.ts";
import { alignColumns } from "../text-table.ts";
import type { Bench, Measured } from "./table.ts";

const EVENTS = 300_000;
const EVENTS_A_CHECKPOINT = 10_000;
const WRITER = "0198f2d4-7c1e-7abc-8def-0123456789ab";

// Does nothing but parse each line and take its two hashes and that of a node.
const LOOP = `
import { hash } from "node:crypto";
import { createReadStream } from "node:fs";
let rest = Buffer.alloc(0);
let root = Buffer.alloc(32);
const leaf = Buffer.alloc(65536);
const node = Buffer.alloc(65, 1);
for await (const part of createReadStream(process.argv[1], { highWaterMark: 1024 ** 2 })) {
  const bytes = Buffer.concat([rest, part]);
  let start = 0;
  for (let end = bytes.indexOf(10); end !== -1; end = bytes.indexOf(10, start)) {
    const body = bytes.subarray(start, end);
    JSON.parse(body.toString());
    hash("sha256", body, "base64");
    body.copy(leaf, 1);
    root.copy(node, 1);
    hash("sha256", leaf.subarray(0, body.length + 1), "buffer").copy(node, 33);
    root = hash("sha256", node, "buffer");
    start = end + 1;
  }
  rest = bytes.subarray(start);
}`;

/** Measures `signet audit verify` beside the loop: in each round each once. */
export async function* measureAuditVerify({ folder, rounds }: Bench): AsyncGenerator<Measured> {
  mkdirSync(folder, { recursive: true });
  const [log, policy] = [join(folder, "log.ndjson"), join(folder, "audit.policy")];
  await writeLog(log, policy);
  const main = join(import.meta.dirname, "../../src/main.ts");
  const kept = await rounds(async () => ({
    loop: await runTimed(["node", "--input-type=module", "-e", LOOP, log]),
    verify: await runTimed(["node", main, "audit", "verify", "--policy", policy, log]),
  }));
  const cpu = (name: "loop" | "verify") => kept.map((round) => round[name].cpu);
  const rows = (["loop", "verify"] as const).map((name) => [
    name === "loop" ? "loop" : "audit verify",
    median(kept.map((round) => round[name].wall)).toFixed(2),
    median(cpu(name)).toFixed(2),
    median(ratios(cpu(name), cpu("loop"))).toFixed(2),
  ]);
  const title = `audit verify: a file of ${EVENTS} events, beside a loop that parses them and takes three hashes of each`;
  yield { data: kept, text: `${title}\n${alignColumns([["", "wall s", "CPU s", "of the loop"], ...rows])}` };
}

async function writeLog(path: string, policy: string): Promise<void> {
  const newId = createUuidV7Generator();
  const signer = createLogSigner(WRITER);
  writeFileSync(policy, `${signer.policyLine}quorum none\n`);
  const file = createWriteStream(path);
  let head = startEpoch(WRITER, 1, new Uint8Array());
  let edge = EMPTY_EDGE;
  const time = Date.UTC(2026, 10, 22, 12);
  for (let number = 1; number <= EVENTS; number++) {
    const place = { ...nextPlace(head), logIndex: number - 1 };
    const body = encodeEvent(newId(time + number), time + number, place, issued(number));
    head = headAfter(place, body);
    edge = grow(edge, leafHash(body));
    const checkpoint = number % EVENTS_A_CHECKPOINT === 0 ? `${checkpointLine(signer.sign(edge))}\n` : "";
    if (!file.write(`${body}\n${checkpoint}`)) await once(file, "drain");
  }
  file.end();
  await finished(file);
}
