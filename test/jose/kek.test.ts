import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { inspect } from "node:util";
import type { ExecutionContext } from "ava";
import test from "ava";
import { deriveKey, KekError, type KekErrorCode, kekOf } from "../../src/jose/kek.ts";
import { createKekFile, loadKek } from "../../src/jose/kek-source.ts";

const KEK_FILE = fileURLToPath(new URL("../../src/jose/kek-source.ts", import.meta.url));

const bytes = (fill: number): Buffer => Buffer.alloc(32, fill);

function freshPath(t: ExecutionContext): string {
  const folder = mkdtempSync(join(tmpdir(), "signet-kek-"));
  t.teardown(() => rmSync(folder, { recursive: true }));
  return join(folder, "kek");
}

async function refusal(t: ExecutionContext, path: string): Promise<KekError | undefined> {
  return t.throwsAsync(loadKek(path), { instanceOf: KekError });
}

test("a made KEK file is 0600, holds 32 random bytes as base64url, and loads as the same KEK each time", async (t) => {
  const path = freshPath(t);
  await createKekFile(path);
  t.is(statSync(path).mode & 0o777, 0o600);
  t.regex(readFileSync(path, "latin1"), /^[A-Za-z0-9_-]{43}\n$/);
  const [one, two] = [await loadKek(path), await loadKek(path)];
  t.is(one.id, two.id);
  t.true(one.secret.equals(two.secret));
  await createKekFile(`${path}2`);
  t.not((await loadKek(`${path}2`)).id, one.id);
});

test("a KEK file that exists is never overwritten", async (t) => {
  const path = freshPath(t);
  await createKekFile(path);
  const before = readFileSync(path);
  t.is((await t.throwsAsync(createKekFile(path), { instanceOf: KekError }))?.code, "KEK_EXISTS");
  t.deepEqual(readFileSync(path), before);
});

test("of many that make one KEK file at once exactly one does, and none leaves anything else behind", async (t) => {
  const path = freshPath(t);
  const outcomes = await Promise.allSettled(Array.from({ length: 10 }, () => createKekFile(path)));
  const refused = outcomes.flatMap((outcome) => (outcome.status === "rejected" ? [outcome.reason.code] : []));
  t.deepEqual(refused, Array(9).fill("KEK_EXISTS"));
  t.deepEqual(readdirSync(dirname(path)), ["kek"]);
  await t.notThrowsAsync(loadKek(path));
});

test("a KEK file that can't be written whole is not there at all, and the next start makes it", async (t) => {
  const path = freshPath(t);
  const make = `import { createKekFile } from ${JSON.stringify(KEK_FILE)}; await createKekFile(${JSON.stringify(path)});`;
  // No process of this shell can write a byte into a file: by the signal or the error, the making ends at its write.
  const shell = 'ulimit -c 0; ulimit -f 0; exec "$0" --input-type=module -e "$1"';
  const { status, signal } = spawnSync("sh", ["-c", shell, process.execPath, make]);
  t.true(signal !== null || status !== 0, "it was not made");
  t.false(existsSync(path));
  await createKekFile(path);
  await t.notThrowsAsync(loadKek(path));
});

test("a file that is not there is KEK_MISSING, and loading does not make it", async (t) => {
  const path = freshPath(t);
  t.is((await refusal(t, path))?.code, "KEK_MISSING");
  t.false(existsSync(path));
});

test("a folder in its place is KEK_UNREADABLE", async (t) => {
  t.is((await refusal(t, join(freshPath(t), "..")))?.code, "KEK_UNREADABLE");
});

for (const mode of [0o604, 0o620, 0o602, 0o610]) {
  test(`a file of mode ${mode.toString(8)} is KEK_EXPOSED`, async (t) => {
    const path = freshPath(t);
    await createKekFile(path);
    chmodSync(path, mode);
    t.is((await refusal(t, path))?.code, "KEK_EXPOSED");
  });
}

const contents: Record<string, { text: string; code: KekErrorCode }> = {
  "an empty file": { text: "", code: "KEK_LENGTH" },
  "31 bytes": { text: bytes(7).subarray(1).toString("base64url"), code: "KEK_LENGTH" },
  "33 bytes": { text: Buffer.alloc(33, 7).toString("base64url"), code: "KEK_LENGTH" },
  "padded base64": { text: bytes(7).toString("base64"), code: "KEK_ENCODING" },
  "raw bytes": { text: bytes(7).toString("latin1"), code: "KEK_ENCODING" },
  "two lines": { text: `${bytes(7).toString("base64url")}\n${bytes(7).toString("base64url")}`, code: "KEK_ENCODING" },
  "bits beyond the last byte": { text: `${"A".repeat(42)}B`, code: "KEK_ENCODING" },
};

for (const [name, { text, code }] of Object.entries(contents)) {
  test(`a KEK file with ${name} is ${code}, and the error does not quote it`, async (t) => {
    const path = freshPath(t);
    writeFileSync(path, text, { mode: 0o600 });
    const error = await refusal(t, path);
    t.is(error?.code, code);
    if (text.length > 8) t.false(error?.message.includes(text.slice(0, 8)));
  });
}

test("the id of a KEK is not a plain hash of it, and printing a KEK does not show its bytes", (t) => {
  const kek = kekOf(Buffer.from("0123456789abcdef0123456789abcdef"));
  const hash = createHash("sha256").update("0123456789abcdef0123456789abcdef").digest("base64url");
  t.regex(kek.id, /^[A-Za-z0-9_-]{12}$/);
  t.false(hash.includes(kek.id));
  t.notRegex(inspect(kek, { depth: 9, showHidden: true }) + JSON.stringify(kek), /0123456789abcdef|30 31 32/);
});

test("derived keys differ by label and by KEK, are the same each time, and are not the KEK", (t) => {
  const derived = (fill: number, label: string) =>
    deriveKey(kekOf(bytes(fill)), label)
      .export()
      .toString("hex");
  const all = [derived(1, "seal"), derived(1, "record mac"), derived(2, "seal"), bytes(1).toString("hex")];
  t.is(new Set(all).size, 4);
  t.is(derived(1, "seal"), derived(1, "seal"));
  t.is(derived(1, "seal").length, 64);
});

test("bytes of another length are not a KEK", (t) => {
  t.throws(() => kekOf(Buffer.alloc(16)), { instanceOf: RangeError, message: /16 bytes: it must have 32/ });
});
