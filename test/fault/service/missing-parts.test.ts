import { createHash } from "node:crypto";
import { cp, readdir, readFile, rename, rm, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import test, { type ExecutionContext } from "ava";
import { tempFolder } from "../../support/files/temp.ts";
import { verdictOf } from "../../support/profiles/dialect.ts";
import { signetProcess } from "../../support/service/command-line.ts";
import { type RemoteService, startRemote } from "../../support/service/remote-service.ts";
import { revokeTokens } from "../../support/service/revoke-tokens.ts";
import { issue, listKeys, verify } from "../../support/service/service.ts";
import { spawnService } from "../../support/service/service-process.ts";

/** The exit code and standard error of a service that must not start. */
async function refusal(t: ExecutionContext, data: string, losses: readonly string[] = []) {
  const outcome = await spawnService(t, { data, args: serveWith(losses) }).then(
    () => "it started",
    (error: Error) => error.message,
  );
  const [, code, text = outcome] = /^the service ended with (\d+): (.*)$/s.exec(outcome) ?? [];
  return { code: Number(code), text };
}

const serveWith = (losses: readonly string[]) => ["serve", ...losses.flatMap((loss) => ["--accept-loss", loss])];
const kidsOf = async (service: RemoteService) => (await listKeys(service)).keys.map(({ keyId }) => keyId);
const identityIn = async (data: string) => JSON.parse(await readFile(join(data, "spool", "identity.json"), "utf8"));
const segmentIn = (data: string, first: number) => join(data, "spool", `${String(first).padStart(16, "0")}.segment`);
const acceptedBy = ({ process }: RemoteService) =>
  process.log.filter(({ event }) => event === "loss.accepted").map(({ loss }) => loss);

/** The losses in the events of `service.started`, oldest first. */
async function startsIn(data: string): Promise<(readonly string[])[]> {
  const names = (await readdir(join(data, "spool"))).filter((name) => name.endsWith(".segment")).toSorted();
  const texts = await Promise.all(names.map((name) => readFile(join(data, "spool", name), "latin1")));
  return [...texts.join("").matchAll(/"serviceStarted":(\{.*?\})/g)].map(
    ([, json = ""]) => JSON.parse(json).acceptedLosses ?? [],
  );
}

/** A data folder whose service issued a token and revoked another, and has ended. */
async function usedFolder(t: ExecutionContext, end: "stopped" | "killed") {
  const data = await tempFolder(t);
  const service = await startRemote(t, { data });
  const [kept, revoked] = [await issue(service), await issue(service)];
  await revokeTokens(service, { tokenIds: [revoked.tokenId] });
  const kids = await kidsOf(service);
  if (end === "stopped") t.is(await service.process.stop(), 0);
  else await service.process.kill9();
  return { data, kids, kept: kept.token, revoked: revoked.token };
}

/** Every file below a folder with the hash of its content. */
async function contentOf(folder: string): Promise<Record<string, string>> {
  const files = (await readdir(folder, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile());
  const pairs = files.map(async ({ parentPath, name }) => {
    const path = join(parentPath, name);
    return [
      path,
      createHash("sha256")
        .update(await readFile(path))
        .digest("hex"),
    ];
  });
  return Object.fromEntries(await Promise.all(pairs));
}

test.serial(
  `a service whose state is gone ends with 66 and makes nothing, until the loss is accepted once`,
  async (t) => {
    const { data, kids, kept } = await usedFolder(t, "stopped");
    const { installation } = await identityIn(data);
    const aside = join(await tempFolder(t), "state");
    await cp(join(data, "state"), aside, { recursive: true });
    await rm(join(data, "state"), { recursive: true });
    const found = await contentOf(data);
    for (const losses of [[], ["state:another", `spool:${installation}`]]) {
      const { code, text } = await refusal(t, data, losses);
      t.is(code, 66);
      t.regex(
        text,
        /^error: STATE_MISSING: \S+state\.db is missing, but the data folder had keys: put it back, or restore/,
      );
      t.true(text.includes(`start once with --accept-loss state:${installation}: every token becomes invalid`), text);
    }
    t.deepEqual(await contentOf(data), found, "nothing was made or changed");

    const losses = [`state:${installation}`];
    const anew = await startRemote(t, { data, args: serveWith(losses) });
    t.deepEqual(acceptedBy(anew), losses);
    t.false((await kidsOf(anew)).some((kid) => kids.includes(kid)));
    t.is(verdictOf(await verify(anew, kept)), "UNKNOWN_KEY");
    t.is(await anew.process.stop(), 0);
    t.deepEqual(await startsIn(data), [[], losses]);

    await rename(join(data, "state"), join(await tempFolder(t), "state"));
    t.is((await refusal(t, data, losses)).code, 66, "the same words accept nothing a second time");
    await rename(aside, join(data, "state"));
    const other = await refusal(t, data);
    t.is(other.code, 78);
    t.regex(other.text, /^error: OTHER_INSTALLATION: \S+state\.db belongs to installation \S+, but \S+spool to /);
  },
);

test.serial("a state that is gone comes back with keys restore, with the revocations, and needs no flag", async (t) => {
  const { data, kids, kept, revoked } = await usedFolder(t, "stopped");
  const { installation } = await identityIn(data);
  const file = join(await tempFolder(t), "keys.signet");
  t.is((await signetProcess(["keys", "export", "--out", file], { data })).code, 0);
  await rm(join(data, "state"), { recursive: true });
  t.is((await signetProcess(["keys", "restore", file], { data })).code, 0);
  const service = await startRemote(t, { data });
  t.deepEqual(await kidsOf(service), kids);
  t.like(await verify(service, kept), { valid: true });
  t.is(verdictOf(await verify(service, revoked)), "REVOKED");
  t.is((await identityIn(data)).installation, installation);
  t.is(await service.process.stop(), 0);
  await rm(join(data, "spool"), { recursive: true });
  t.is((await refusal(t, data)).code, 66, "the restored state has the id again");
});

test.serial("a state that is empty where there were keys is no new installation, also with the KEK gone", async (t) => {
  const { data } = await usedFolder(t, "stopped");
  const empty = await tempFolder(t);
  await (await startRemote(t, { data: empty })).process.stop();
  const database = new DatabaseSync(join(empty, "state", "state.db"));
  database.exec("DELETE FROM entries");
  database.close();
  await rename(join(empty, "state", "state.db"), join(data, "state", "state.db"));
  await rm(join(data, "kek"));
  const { code, text } = await refusal(t, data);
  t.is(code, 66);
  t.regex(text, /^error: STATE_MISSING: \S+state\.db is empty, but the data folder had keys/);
  await t.throwsAsync(readFile(join(data, "kek")), { code: "ENOENT" }, "no new KEK");
});

test.serial(
  "a state file of 0 bytes, and the state of another installation, are refused and stay as they are",
  async (t) => {
    const { data } = await usedFolder(t, "stopped");
    const file = join(data, "state", "state.db");
    const other = await usedFolder(t, "stopped");
    await rename(join(other.data, "state", "state.db"), file);
    const replaced = await contentOf(data);
    t.like(await refusal(t, data), { code: 78 });
    t.deepEqual(await contentOf(data), replaced);
    await truncate(file);
    const emptied = await contentOf(data);
    const { code, text } = await refusal(t, data);
    t.is(code, 74);
    t.regex(text, /^error: STATE: \S+state\.db is damaged: it is empty; move it away, then put back a copy or restore/);
    t.deepEqual(await contentOf(data), emptied);
    await rename(file, `${file}.damaged`);
    t.regex((await refusal(t, data)).text, /^error: STATE_MISSING: /, "what the message says leads on");
  },
);

test.serial(`a service whose spool is gone ends with 66, until the loss is accepted once`, async (t) => {
  const { data, kids, kept, revoked } = await usedFolder(t, "stopped");
  const { writer, installation } = await identityIn(data);
  await rm(join(data, "spool"), { recursive: true });
  const found = await readdir(data);
  const { code, text } = await refusal(t, data);
  t.is(code, 66);
  t.regex(text, /^error: SPOOL_MISSING: \S+spool is missing, but the data folder had a spool: put it back\. /);
  t.true(
    text.includes(`start once with --accept-loss spool:${installation}: audit events that NATS has not got`),
    text,
  );
  t.deepEqual(await readdir(data), found);

  const losses = [`spool:${installation}`];
  const service = await startRemote(t, { data, args: serveWith(losses) });
  t.deepEqual(acceptedBy(service), losses);
  t.deepEqual(await kidsOf(service), kids);
  t.like(await verify(service, kept), { valid: true });
  t.is(verdictOf(await verify(service, revoked)), "REVOKED");
  t.is(await service.process.stop(), 0);
  t.deepEqual(await startsIn(data), [losses]);
  const now = await identityIn(data);
  t.not(now.writer, writer);
  t.not(now.installation, installation);
  await rm(join(data, "spool"), { recursive: true });
  t.is((await refusal(t, data, losses)).code, 66, "the same words accept nothing a second time");
});

test.serial(
  "a segment that is removed or emptied after a stop ends with 74 and the numbers, until the loss is accepted",
  async (t) => {
    const { data, kids } = await usedFolder(t, "stopped");
    const { next } = await identityIn(data);
    t.true(next > 5);
    const file = segmentIn(data, 1);
    const whole = await readFile(file);
    for (const spoil of [
      () => rm(file),
      () => writeFile(file, ""),
      () => writeFile(file, Buffer.alloc(whole.length)),
    ]) {
      await spoil();
      const found = await contentOf(data);
      const { code, text } = await refusal(t, data);
      t.is(code, 74);
      t.regex(
        text,
        new RegExp(`^error: STATE: \\S+spool: stored events are missing: events 1 to ${next - 1} \\(0+1\\.segment\\)`),
      );
      t.true(text.includes(`start once with --accept-loss events:1-${next - 1}, `), text);
      t.deepEqual(await contentOf(data), found);
      await writeFile(file, whole, { mode: 0o600 });
    }
    await rm(file);
    const losses = [`events:1-${next - 1}`];
    const service = await startRemote(t, { data, args: serveWith(losses) });
    t.deepEqual(await kidsOf(service), kids);
    t.deepEqual(acceptedBy(service), losses);
    t.is(await service.process.stop(), 0);
    t.deepEqual(await startsIn(data), [losses]);
  },
);

test.serial("after a kill what is gone is refused as well, and when it is put back the service goes on", async (t) => {
  const { data, kids, kept, revoked } = await usedFolder(t, "killed");
  for (const [part, code] of [
    ["state", 66],
    ["spool", 66],
    ["spool/identity.json", 74],
  ] as const) {
    const aside = join(await tempFolder(t), "aside");
    await rename(join(data, part), aside);
    t.is((await refusal(t, data)).code, code, part);
    await rename(aside, join(data, part));
  }
  const service = await startRemote(t, { data });
  t.deepEqual(await kidsOf(service), kids);
  t.like(await verify(service, kept), { valid: true });
  t.is(verdictOf(await verify(service, revoked)), "REVOKED");
});

test.serial(
  "negative control: a folder that is as 0.1.0 left it says nothing of a spool that is gone, and is adopted once",
  async (t) => {
    const { data, kids } = await usedFolder(t, "stopped");
    // Version 0.1.0 writes these members and no others, and no id into the state.
    const { writer, epoch, next, prevHash } = await identityIn(data);
    await writeFile(join(data, "spool", "identity.json"), JSON.stringify({ writer, epoch, next, prevHash }), {
      mode: 0o600,
    });
    const database = new DatabaseSync(join(data, "state", "state.db"));
    database.exec("DELETE FROM entries WHERE key = 'installation'");
    database.close();
    const old = await tempFolder(t);
    await cp(data, old, { recursive: true });
    await rm(join(old, "spool"), { recursive: true });
    t.deepEqual(await kidsOf(await startRemote(t, { data: old })), kids);

    const aside = join(await tempFolder(t), "state");
    await rename(join(data, "state"), aside);
    const { code, text } = await refusal(t, data);
    t.is(code, 66, "its spool shows that there was a state");
    t.true(text.includes(`--accept-loss state:${writer}: `), text);
    await rename(aside, join(data, "state"));

    t.is(await (await startRemote(t, { data })).process.stop(), 0);
    t.is(typeof (await identityIn(data)).installation, "string");
    await rm(join(data, "spool"), { recursive: true });
    t.is((await refusal(t, data)).code, 66);
  },
);
