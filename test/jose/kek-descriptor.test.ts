import { execFile } from "node:child_process";
import { chmod, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import test from "ava";
import { kekOf } from "../../src/jose/kek.ts";
import { tempFolder } from "../support/files/temp.ts";

const LOAD_KEKS = fileURLToPath(new URL("../../src/jose/kek-source.ts", import.meta.url));
const BYTES = Buffer.alloc(32, 7);
const TEXT = BYTES.toString("base64url");

/** Loads the KEKs of `fd:3` in a process that a shell starts with this redirection; answers what became of it. */
async function loaded(redirection: string, env: Record<string, string> = {}) {
  const program = `
    import { fstatSync } from "node:fs";
    import { loadKeks } from ${JSON.stringify(LOAD_KEKS)};
    const previous = process.env.PREVIOUS;
    const files = { file: "fd:3", previous, create: true };
    const outcome = await loadKeks(files, false, (file) => console.log("made " + file)).then(
      (keks) => ({ ids: keks.map(({ id }) => id) }),
      ({ code, message }) => ({ code, message }),
    );
    let open = true;
    try { fstatSync(3); } catch { open = false; }
    console.log(JSON.stringify({ ...outcome, open }));`;
  // A pipe to the shell's standard error keeps number 3 for what the line says.
  const line = `exec ${JSON.stringify(process.execPath)} --input-type=module -e "$PROGRAM" ${redirection}`;
  const { stdout } = await promisify(execFile)("bash", ["-c", line], {
    env: { PATH: process.env.PATH, PROGRAM: program, ...env },
  });
  return JSON.parse(stdout) as { ids?: string[]; code?: string; message?: string; open: boolean };
}

const ID = kekOf(Buffer.from(BYTES)).id;

test("a KEK comes through a pipe, as 32 raw bytes or as the text of a file, and the pipe is closed after it", async (t) => {
  const raw = `3< <(printf '\\007%.0s' {1..32})`;
  t.deepEqual(await loaded(raw), { ids: [ID], open: false });
  for (const text of [TEXT, `${TEXT}\\n`])
    t.deepEqual(await loaded(`3< <(printf '${text}')`), { ids: [ID], open: false });
});

test("a KEK that comes in two pieces is read to the end", async (t) => {
  const [one, two] = [TEXT.slice(0, 20), TEXT.slice(20)];
  t.deepEqual(await loaded(`3< <(printf ${one}; read -t 0.2 < /dev/zero; printf ${two})`), { ids: [ID], open: false });
});

test("an open file that only its owner may read is a KEK, one that others may read is not", async (t) => {
  const file = join(await tempFolder(t), "kek");
  await writeFile(file, TEXT, { mode: 0o600 });
  t.deepEqual(await loaded(`3< ${file}`), { ids: [ID], open: false });
  await chmod(file, 0o604);
  t.is((await loaded(`3< ${file}`)).code, "KEK_EXPOSED");
});

test("the previous KEK may come through another descriptor", async (t) => {
  const { ids } = await loaded(`3< <(printf ${TEXT}) 9< <(printf ${"A".repeat(43)})`, { PREVIOUS: "fd:9" });
  t.deepEqual(ids, [ID, kekOf(Buffer.alloc(32)).id]);
});

for (const [what, redirection, code] of [
  ["nothing in the pipe", "3< <(true)", "KEK_LENGTH"],
  ["a KEK that is cut off", `3< <(printf ${TEXT.slice(0, 42)})`, "KEK_LENGTH"],
  ["33 raw bytes", "3< <(printf '\\007%.0s' {1..33})", "KEK_ENCODING"],
  ["what is no base64url", `3< <(printf '%s' '${TEXT.slice(0, 42)}+')`, "KEK_ENCODING"],
  ["more than any KEK has", `3< <(printf 'A%.0s' {1..5000})`, "KEK_LENGTH"],
  ["a device", "3< /dev/zero", "KEK_UNREADABLE"],
] as const) {
  test(`${what} is refused, its bytes are in no message, and no KEK is made`, async (t) => {
    const outcome = await loaded(redirection);
    t.is(outcome.code, code);
    t.regex(outcome.message ?? "", /^KEK descriptor 3 /);
    t.false((outcome.message ?? "").includes(TEXT.slice(0, 10)));
    t.true(outcome.open, "what is not known to be ours is not closed");
  });
}

test("a descriptor that is not open is a missing KEK, and no file of that name is made", async (t) => {
  const outcome = await loaded("", { PREVIOUS: "fd:4000" });
  t.regex(outcome.code ?? "", /^KEK_(MISSING|UNREADABLE)$/);
  const missing = await loaded(`3< <(printf ${TEXT})`, { PREVIOUS: "fd:4000" });
  t.is(missing.code, "KEK_MISSING");
  t.regex(missing.message ?? "", /^KEK descriptor 4000 is not open/);
});
