import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import test, { type ExecutionContext } from "ava";
import { provideCertificates } from "../../scripts/run/certificates.ts";
import { RunError } from "../../scripts/run/run-error.ts";
import { signet } from "../cli/terminal.ts";
import { tempFolder } from "../support/files/temp.ts";

const { signal } = new AbortController();

async function newFolder(t: ExecutionContext): Promise<string> {
  return join(await tempFolder(t), "certs");
}

function contents(folder: string): Record<string, string> {
  return Object.fromEntries(readdirSync(folder).map((name) => [name, readFileSync(join(folder, name), "utf8")]));
}

test("make run makes certificates once, and those that are valid stay", async (t) => {
  const folder = await newFolder(t);
  t.true(await provideCertificates(folder, signal));
  const made = contents(folder);
  t.false(await provideCertificates(folder, signal));
  t.deepEqual(contents(folder), made);
});

for (const [what, spoil] of [
  ["is missing", (folder: string) => rmSync(join(folder, "shop.crt"))],
  ["lacks its key", (folder: string) => rmSync(join(folder, "gateway.key"))],
  ["is half written", (folder: string) => writeFileSync(join(folder, "server.crt"), "-----BEGIN CERTIFICATE-----\n")],
  [
    "ends within a day",
    (folder: string) => signet(["dev", "certs", "--out", folder, "--force", "--days", "1"], { now: Date.now }),
  ],
] as const)
  test(`when one ${what}, all are made anew, and the policy stays as it was edited`, async (t) => {
    const folder = await newFolder(t);
    await provideCertificates(folder, signal);
    writeFileSync(join(folder, "policy.yaml"), "groups: {}\n");
    await spoil(folder);
    const before = contents(folder);
    t.true(await provideCertificates(folder, signal));
    const after = contents(folder);
    t.is(after["policy.yaml"], "groups: {}\n");
    t.not(after["ca.crt"], before["ca.crt"]);
    t.false(await provideCertificates(folder, signal));
  });

test("where they can't be made, it says why", async (t) => {
  const error = await t.throwsAsync(provideCertificates("/proc/signet/certs", signal), { instanceOf: RunError });
  t.regex(error?.message ?? "", /^no certificates can be made: error: \/proc\/signet\/certs can't be used: ENOENT/);
});
