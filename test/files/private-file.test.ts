import { chmodSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import test from "ava";
import { readPrivateFile } from "../../src/files/private-file.ts";
import { tempFolder } from "../support/files/temp.ts";

class Refusal extends Error {}
const refuse = (text: string) => new Refusal(text);

for (const mode of [0o600, 0o400]) {
  test(`a file of mode ${mode.toString(8)} is read`, async (t) => {
    const path = join(await tempFolder(t), "a");
    writeFileSync(path, "content", { mode });
    t.is((await readPrivateFile(path, refuse)).toString(), "content");
  });
}

for (const mode of [0o640, 0o620, 0o610, 0o604, 0o602, 0o601]) {
  test(`a file of mode ${mode.toString(8)} is refused, with the command that closes it`, async (t) => {
    const path = join(await tempFolder(t), "a");
    writeFileSync(path, "content");
    chmodSync(path, mode);
    const error = await t.throwsAsync(readPrivateFile(path, refuse), { instanceOf: Refusal });
    t.true(error?.message.endsWith(`only its owner may have access (chmod 600 ${path})`), error?.message);
    t.false(error?.message.includes("content"));
  });
}

test("a missing file is ENOENT", async (t) => {
  const error = await t.throwsAsync<NodeJS.ErrnoException>(readPrivateFile("/nowhere/a", refuse));
  t.is(error?.code, "ENOENT");
});
