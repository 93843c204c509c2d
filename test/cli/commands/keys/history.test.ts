import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import test, { type ExecutionContext } from "ava";
import { checkpointLine } from "../../../../src/audit/stream-message.ts";
import { createLogWriter } from "../../../support/audit/log-writer.ts";
import { tempFolder } from "../../../support/files/temp.ts";
import { signet } from "../../terminal.ts";

const jwk = (x: string) => ({ kty: "OKP", crv: "Ed25519", x, use: "sig", alg: "EdDSA", kid: "k1" });
const published = (members: object) => ({ keyPublished: { keyId: "k1", algorithm: "EdDSA", ...members } });
const ROTATING = { keyset: "service", jwk: jwk("abc"), signsFrom: "2026-11-23T12:00:00Z" };

/** A file with five events of four keys, of which a checkpoint covers four, and the policy of its log. */
async function logFiles(t: ExecutionContext<unknown>) {
  const log = createLogWriter("w");
  log.append();
  log.append(published(ROTATING));
  log.append(published({ profile: "vendor", tenant: "acme", jwk: jwk("def") }));
  log.append(published(ROTATING));
  log.append(published({ keyset: "service", keyId: "k2", jwk: jwk("ghi") }));
  const folder = await tempFolder(t);
  const [file, policy] = [join(folder, "log.ndjson"), join(folder, "audit.policy")];
  const lines = [...log.bodies, checkpointLine(log.checkpointAt(4)), "no event"];
  await writeFile(file, lines.map((line) => `${line}\n`).join(""));
  await writeFile(policy, `${log.policyLine}quorum none\n`);
  return { log, file, policy };
}

test("each key has one line, with its owner, when it signs, and the place of its first event", async (t) => {
  const { file } = await logFiles(t);
  const { code, stdout, stderr } = await signet(["keys", "history", file]);
  t.deepEqual([code, stderr], [0, ""]);
  t.is(
    stdout,
    `KID  ALG    OF                  SIGNS FROM            PUBLISHED             WRITER  EPOCH  SEQ  EVENTS
k1   EdDSA  service             2026-11-23T12:00:00Z  2026-11-22T12:00:00Z  w       1      2    2
k1   EdDSA  vendor tenant acme  standby               2026-11-22T12:00:00Z  w       1      3    1
k2   EdDSA  service             standby               2026-11-22T12:00:00Z  w       1      5    1
`,
  );
});

test("--json has the places of all events of a key, and --jwks the keys alone", async (t) => {
  const { file } = await logFiles(t);
  const { stdout } = await signet(["keys", "history", "--json", "--keyset", "service", "--key", "k1", file]);
  const { keys } = JSON.parse(stdout);
  const place = (number: number) => ({
    ...{ eventId: `w-${number}`, time: "2026-11-22T12:00:00Z", writer: "w", epoch: 1, seq: number + 1 },
    ...{ file, line: number + 1 },
  });
  t.deepEqual(keys, [{ keyId: "k1", algorithm: "EdDSA", ...ROTATING, events: [place(1), place(3)] }]);
  const jwks = JSON.parse((await signet(["keys", "history", "--jwks", "--key", "k1", file])).stdout);
  t.deepEqual(jwks, { keys: [jwk("abc"), jwk("def")] });
});

test("--proof gives a receipt of the key, and check-receipt says offline which key was logged", async (t) => {
  const { log, file, policy } = await logFiles(t);
  const proof = await signet(["keys", "history", "--proof", "--key", "k1", "--keyset", "service", file]);
  t.deepEqual([proof.code, proof.stderr], [0, ""]);
  const check = (text: string) =>
    signet(["audit", "check-receipt", "-", "--policy", policy], { stdin: Buffer.from(text) });
  const checked = await check(proof.stdout);
  t.is(
    checked.stdout,
    `key        k1
keyset     service
algorithm  EdDSA
signs from 2026-11-23T12:00:00Z
jwk        ${JSON.stringify(jwk("abc"))}
event      w-1
log        signet.example/audit/w, index 1, by a checkpoint of 4 events
logged
`,
    checked.stderr,
  );
  const body = Buffer.from(log.bodies[1] ?? "").toString("base64");
  const forged = proof.stdout.replace(
    body,
    Buffer.from((log.bodies[1] ?? "").replace("abc", "xyz")).toString("base64"),
  );
  const refused = await check(forged);
  t.is(refused.code, 1);
  t.regex(refused.stderr, /not in the log that the checkpoint states/);
});

test("files without a checkpoint give no proof, and without a key it is wrong usage", async (t) => {
  const { file } = await logFiles(t);
  const prove = async (...words: string[]) => (await signet(["keys", "history", "--proof", ...words, file])).code;
  t.is(await prove("--key", "k2"), 1);
  t.is(await prove("--key", "k3"), 1);
  t.is(await prove(), 2);
  t.is((await signet(["keys", "history", "--policy", file, file])).code, 2, "a policy is of the proof");
});

test("a log without keys has an empty history, and a file that is not there is named", async (t) => {
  const { log } = await logFiles(t);
  const [line = ""] = log.bodies;
  const { code, stdout } = await signet(["keys", "history", "--json", "-"], { stdin: Buffer.from(`${line}\n`) });
  t.deepEqual([code, JSON.parse(stdout)], [0, { keys: [] }]);
  const missing = await signet(["keys", "history", "none.ndjson"]);
  t.is(missing.code, 2);
  t.regex(missing.stderr, /none\.ndjson can't be used: ENOENT/);
});

test("an event of a key whose time is none is passed over, and hides no other key", async (t) => {
  const { log } = await logFiles(t);
  log.append(published({ keyId: "k3", jwk: jwk("jkl"), signsFrom: "soon" }));
  const stdin = Buffer.from(log.bodies.map((body) => `${body}\n`).join(""));
  for (const words of [[], ["--json"]]) {
    const { code, stdout } = await signet(["keys", "history", ...words, "-"], { stdin });
    t.is(code, 0);
    t.true(stdout.includes("k2"), "control");
    t.false(stdout.includes("k3"));
  }
});
