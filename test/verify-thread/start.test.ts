import { once } from "node:events";
import test from "ava";
import { linesOf, readBatch } from "../../src/audit/verify/batch.ts";
import { chunksOfLines, LineTooLong } from "../../src/verify-thread/lines.ts";
import { readBatches } from "../../src/verify-thread/start.ts";
import { collect } from "../support/collect.ts";

const MIB = 1024 ** 2;

const line = (id: number) =>
  `${JSON.stringify({ eventId: `${id}`, writer: "w", epoch: "1", seq: `${id}`, pad: "x".repeat(1_000) })}\n`;
const text = Buffer.from(Array.from({ length: 5_000 }, (_, at) => line(at + 1)).join(""));

async function* parts(bytes: Buffer, size: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

for (const size of [7_919, MIB, 3 * MIB])
  test(`parts of ${size} bytes are cut into chunks of whole lines, of the same bytes`, async (t) => {
    const chunks = await collect(chunksOfLines(parts(text, size)));
    t.true(chunks.length > 1);
    t.true(Buffer.concat(chunks).equals(text));
    for (const chunk of chunks) t.is(chunk.at(-1), 10);
  });

test("the last line may lack its line break", async (t) => {
  const [chunk, ...more] = await collect(chunksOfLines(parts(Buffer.from("a\nb"), 2)));
  t.is(String(Buffer.from(chunk ?? [])), "a\nb");
  t.deepEqual(more, []);
});

test("bytes without a line break are refused before they fill the memory", async (t) => {
  async function* endless() {
    for (;;) yield Buffer.alloc(MIB, "x");
  }
  await t.throwsAsync(collect(chunksOfLines(endless())), {
    instanceOf: LineTooLong,
    message: /^line 1 is longer than 2/,
  });
  async function* behindOthers() {
    yield* parts(text, MIB);
    yield Buffer.from("{}\n{");
    yield* endless();
  }
  await t.throwsAsync(collect(chunksOfLines(behindOthers())), { message: /^line 5002 is longer than 2097152 bytes$/ });
});

test("threads give the batches that one thread would, in the order of the lines, each with its source", async (t) => {
  async function* chunks() {
    for (const source of [0, 1]) for await (const chunk of chunksOfLines(parts(text, MIB))) yield { source, chunk };
  }
  const batches = await collect(readBatches(chunks(), 3));
  t.deepEqual([...new Set(batches.map(({ source }) => source))], [0, 1]);
  const one = [...linesOf(readBatch(text))];
  t.is(one.length, 5_000);
  t.deepEqual(
    batches.flatMap(({ batch }) => [...linesOf(batch)]),
    [...one, ...one],
  );
});

test("a thread that dies ends the reading, and no other failure is left behind", async (t) => {
  const started = once(process, "worker");
  async function* chunks() {
    // The first is read without a thread.
    for (const _ of [1, 2]) yield { source: 0, chunk: new Uint8Array([10]) };
    const [worker] = await started;
    await once(worker, "error");
    yield { source: 0, chunk: new Uint8Array([10]) };
  }
  const dying = new URL("data:text/javascript,throw new Error('it died')");
  await t.throwsAsync(collect(readBatches(chunks(), 1, dying)), { any: true, message: "it died" });
});
